/** What a provider's module says before anything is called: its protocol information (SP-16…20). */
import {
  BASE_PROTOCOL,
  guidText,
  IPPROTO_TCP,
  MAX_PROTOCOL_CHAIN,
  PFL_HIDDEN,
  SOCK_STREAM,
  sockaddrLength,
  WSAPROTOCOL_LEN,
  XP1_CONNECT_DATA,
  XP1_CONNECTIONLESS,
  XP1_GRACEFUL_CLOSE,
  XP1_GUARANTEED_DELIVERY,
  XP1_GUARANTEED_ORDER,
  XP1_IFS_HANDLES,
  XP1_MESSAGE_ORIENTED,
  XP1_QOS_SUPPORTED,
} from '../../spi/index.js';
import { topic } from '../case.js';

export const MODULE = topic('module', [
  {
    name: 'the module is a base provider with a GUID of its own (SP-16, SP-18)',
    base: true,
    unstarted: true,
    run(bench) {
      const { protocolInfo: info } = bench.client.module;
      bench.equal(info.ProtocolChain.ChainLen, BASE_PROTOCOL, 'ChainLen');
      bench.equal(info.ProtocolChain.ChainEntries.length, MAX_PROTOCOL_CHAIN, 'entries of the chain');
      bench.equal(guidText(info.ProviderId), info.ProviderId, 'ProviderId in canonical text');
      bench.equal(info.dwProviderReserved, 0, 'dwProviderReserved');
      bench.check(
        info.szProtocol.length > 0 && info.szProtocol.length <= WSAPROTOCOL_LEN,
        'szProtocol is empty or too long',
      );
    },
  },
  {
    name: 'the module is hidden from programs (SP-17)',
    unstarted: true,
    run(bench) {
      const { dwProviderFlags } = bench.client.module.protocolInfo;
      bench.check((dwProviderFlags & PFL_HIDDEN) !== 0, 'PFL_HIDDEN is not set');
    },
  },
  {
    name: 'the flags are neither connectionless nor file handles, and QoS as the manifest says (SP-20)',
    unstarted: true,
    run(bench) {
      const { dwServiceFlags1: flags } = bench.client.module.protocolInfo;
      bench.equal(flags & XP1_CONNECTIONLESS, 0, 'XP1_CONNECTIONLESS');
      bench.equal(flags & XP1_IFS_HANDLES, 0, 'XP1_IFS_HANDLES');
      bench.equal((flags & XP1_QOS_SUPPORTED) !== 0, bench.manifest.qos, 'XP1_QOS_SUPPORTED');
    },
  },
  {
    name: 'the flag for connect data is as the manifest says (SESS-2, SESS-5)',
    base: true,
    unstarted: true,
    run(bench) {
      const { dwServiceFlags1: flags } = bench.client.module.protocolInfo;
      bench.equal((flags & XP1_CONNECT_DATA) !== 0, bench.manifest.connectData, 'XP1_CONNECT_DATA');
    },
  },
  {
    name: 'test vector: the values that SAN providers are installed with (OBS-5)',
    unstarted: true,
    run(bench) {
      const { protocolInfo: info } = bench.client.module;
      const flags = XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_MESSAGE_ORIENTED | XP1_GRACEFUL_CLOSE;
      bench.equal(info.dwServiceFlags1 & flags, flags, 'reliable, ordered, message oriented, graceful');
      bench.equal(info.iVersion, 2, 'iVersion');
      bench.check(
        bench.manifest.addressFamilies.includes(info.iAddressFamily),
        'iAddressFamily is not one of the manifest’s',
      );
      bench.equal(info.iMinSockAddr, sockaddrLength(info.iAddressFamily), 'iMinSockAddr');
      bench.equal(info.iSocketType, SOCK_STREAM, 'iSocketType');
      bench.equal(info.iProtocol, IPPROTO_TCP, 'iProtocol');
    },
  },
]);
