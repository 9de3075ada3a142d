/** Control codes, the address list, and quality of service (SP-13, SP-21, ADDR-8…10, OPT-9). */
import {
  type QOS,
  SIO_ADDRESS_LIST_CHANGE,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_GROUP_QOS,
  SIO_GET_QOS,
  SIO_SET_GROUP_QOS,
  SIO_SET_QOS,
  type SOCKET_ADDRESS_LIST,
  sockaddrLength,
  type SOCKET,
  WSAENOPROTOOPT,
  WSAEOPNOTSUPP,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { topic, without } from '../case.js';

const FLOW = {
  TokenRate: 0,
  TokenBucketSize: 0,
  PeakBandwidth: 0,
  Latency: 0,
  DelayVariation: 0,
  ServiceType: 0,
  MaxSduSize: 0,
  MinimumPolicedSize: 0,
};

function addresses(bench: Bench, s: SOCKET): SOCKET_ADDRESS_LIST {
  const { code, value } = bench.client.ioctl(s, SIO_ADDRESS_LIST_QUERY, null);
  bench.code(code, 0, 'SIO_ADDRESS_LIST_QUERY');
  return value as SOCKET_ADDRESS_LIST;
}

export const CONTROL_CODES = topic('control-codes', [
  {
    name: 'SIO_ADDRESS_LIST_QUERY on a scratch socket lists addresses of the families, without ports (SP-13, ADDR-8)',
    base: true,
    run(bench) {
      const list = addresses(bench, bench.socket(bench.client));
      bench.equal(list.iAddressCount, list.Address.length, 'iAddressCount');
      for (const { lpSockaddr, iSockaddrLength } of list.Address) {
        bench.check(bench.manifest.addressFamilies.includes(lpSockaddr.sa_family), `family ${lpSockaddr.sa_family}`);
        bench.equal(iSockaddrLength, sockaddrLength(lpSockaddr.sa_family), 'iSockaddrLength');
        bench.equal(lpSockaddr.sin_port, 0, 'port');
        bench.check(lpSockaddr.sin_addr !== '', 'an address is empty');
      }
    },
  },
  {
    name: 'the address list is that of the moment, and the caller’s own (ADDR-7)',
    base: true,
    run(bench) {
      const s = bench.socket(bench.client);
      const first = addresses(bench, s);
      const { length } = first.Address;
      first.Address.length = 0;
      bench.equal(addresses(bench, s).Address.length, length, 'addresses after the caller has emptied its list');
    },
  },
  {
    name: 'test vector: the answer’s list has port 0 throughout (OBS-43)',
    run(bench) {
      const ports = addresses(bench, bench.socket(bench.client)).Address.map(({ lpSockaddr }) => lpSockaddr.sin_port);
      bench.check(
        ports.every((port) => port === 0),
        `ports ${ports.join()}`,
      );
      bench.check(ports.length > 0, 'no address');
    },
  },
  {
    name: 'a provider never announces a change of addresses itself (ADDR-10)',
    run(bench) {
      const s = bench.socket(bench.client);
      bench.code(bench.client.ioctl(s, SIO_ADDRESS_LIST_CHANGE, null).code, WSAENOPROTOOPT, 'SIO_ADDRESS_LIST_CHANGE');
    },
  },
  {
    name: 'test vector: unknown control codes, and those of QoS, fail with WSAENOPROTOOPT (OBS-44, OPT-9)',
    base: true,
    skip: without('qos'),
    run(bench) {
      const s = bench.socket(bench.client);
      for (const code of [0x12345678, SIO_GET_QOS, SIO_SET_QOS, SIO_GET_GROUP_QOS, SIO_SET_GROUP_QOS]) {
        bench.code(bench.client.ioctl(s, code, null).code, WSAENOPROTOOPT, `control code 0x${code.toString(16)}`);
      }
    },
  },
  {
    name: 'WSPGetQOSByName without QoS fails with WSAEOPNOTSUPP (SP-21, ERR-20)',
    base: true,
    skip: without('qos'),
    run(bench) {
      const { client } = bench;
      const qos: QOS = {
        SendingFlowspec: { ...FLOW },
        ReceivingFlowspec: { ...FLOW },
        ProviderSpecific: { len: 0, buf: new Uint8Array(0) },
      };
      const found = client.procs.lpWSPGetQOSByName(bench.socket(client), null, qos, client.errno);
      bench.equal(found, false, 'WSPGetQOSByName');
      bench.code(client.errno.value, WSAEOPNOTSUPP, 'WSPGetQOSByName');
    },
  },
]);
