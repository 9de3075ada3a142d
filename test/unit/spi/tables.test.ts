import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as spi from '../../../src/spi/index.js';
import { EXTENSION_GUIDS, OMITTED_FUNCTIONS, REQUIRED_FUNCTIONS, rows, UPCALLS, words } from './reference.js';
import { provider } from './skeleton.js';

function upcallTable(own: Partial<spi.WSPUPCALLTABLEEX> = {}): spi.WSPUPCALLTABLEEX {
  return spi.createUpcallTable({
    lpWPUCreateSocketHandle: () => 100,
    lpWPUCloseSocketHandle: () => 0,
    lpWPUQuerySocketHandleContext: () => 0,
    lpWPUCompleteOverlappedRequest: () => 0,
    ...own,
  });
}

describe('spi function table', () => {
  test('17 + 13 slots, in the published order', () => {
    assert.equal(spi.PROC_TABLE_SLOTS.length, 30);
    assert.deepEqual(
      [...spi.PROC_SLOTS].sort(),
      words(REQUIRED_FUNCTIONS)
        .map((name) => `lpWSP${name}`)
        .sort(),
    );
    assert.deepEqual(
      [...spi.NULL_SLOTS],
      words(OMITTED_FUNCTIONS).map((name) => `lpWSP${name}`),
    );
    assert.equal(spi.PROC_SLOTS.length, 17);
    assert.equal(spi.NULL_SLOTS.length, 13);
    assert.deepEqual(Object.keys(spi.createProcTable()), [...spi.PROC_TABLE_SLOTS]);
  });

  test('an unfilled slot gives WSANOTINITIALISED, a null slot is null', () => {
    const table = spi.createProcTable();
    const lpErrno = spi.out(0);
    assert.equal(table.lpWSPBind(1, spi.makeSockaddr(spi.AF_INET, '127.0.0.1', 1), 16, lpErrno), spi.SOCKET_ERROR);
    assert.equal(lpErrno.value, spi.WSANOTINITIALISED);
    lpErrno.value = 0;
    assert.equal(
      table.lpWSPGetOverlappedResult(1, spi.createOverlapped(), spi.out(0), false, spi.out(0), lpErrno),
      false,
    );
    assert.equal(lpErrno.value, spi.WSANOTINITIALISED);
    assert.equal(table.lpWSPSocket(2, 1, 6, null, 0, 1, lpErrno), spi.INVALID_SOCKET);
    for (const slot of spi.NULL_SLOTS) assert.equal(table[slot], null);
  });

  test('missingProcs names what a provider left out', () => {
    const table = spi.createProcTable();
    assert.deepEqual(spi.missingProcs(table), [...spi.PROC_SLOTS]);
    const data = spi.createWspData();
    const tcpip = spi.makeProtocolInfo({ ProviderId: 'E70F1AA0-AB8B-11CF-8CA3-00805F48A192', szProtocol: 'TCP/IP' });
    assert.equal(provider.WSPStartupEx(spi.WINSOCK_VERSION_2_2, data, tcpip, upcallTable(), table), 0);
    assert.equal(data.wVersion, spi.WINSOCK_VERSION_2_2);
    assert.equal(spi.missingProcs(table).length, 17 - 6);
    assert.ok(!spi.missingProcs(table).includes('lpWSPIoctl'));
    (table as unknown as Record<string, unknown>)['lpWSPSend'] = 'not a function';
    assert.ok(spi.missingProcs(table).includes('lpWSPSend'));
  });

  test('the skeleton of docs/SPI.md loads, opens, closes and answers control codes', () => {
    const closed: number[] = [];
    const upcalls = upcallTable({ lpWPUCloseSocketHandle: (s) => closed.push(s) * 0 });
    const table = spi.createProcTable();
    const lpErrno = spi.out(0);
    const output: spi.Out<unknown> = spi.out(null);
    const bytes = spi.out(0);
    const ioctl = (code: number, input: unknown) =>
      table.lpWSPIoctl(spi.INVALID_SOCKET, code, input, output, bytes, null, null, null, lpErrno);
    for (const version of [spi.MAKEWORD(1, 1), spi.MAKEWORD(2, 1), spi.MAKEWORD(1, 9)]) {
      const code = provider.WSPStartupEx(version, spi.createWspData(), provider.protocolInfo, upcalls, table);
      assert.equal(code, spi.WSAVERNOTSUPPORTED);
    }
    assert.equal(provider.WSPStartupEx(0x0202, spi.createWspData(), provider.protocolInfo, upcalls, table), 0);
    assert.equal(ioctl(spi.SIO_ADDRESS_LIST_QUERY, null), 0);
    assert.deepEqual(output.value, {
      iAddressCount: 1,
      Address: [{ lpSockaddr: spi.makeSockaddr(spi.AF_INET, '192.0.2.1', 0), iSockaddrLength: 16 }],
    });
    assert.equal(ioctl(spi.SIO_GET_EXTENSION_FUNCTION_POINTER, spi.WSAID_RDMAREAD), spi.SOCKET_ERROR);
    assert.equal(lpErrno.value, spi.WSAEOPNOTSUPP);
    assert.equal(ioctl(spi.SIO_GET_EXTENSION_FUNCTION_POINTER, spi.WSAID_SD_OWNEDRECEIVE), spi.SOCKET_ERROR);
    assert.equal(lpErrno.value, spi.WSAEINVAL);
    assert.equal(ioctl(spi.SIO_GET_QOS, null), spi.SOCKET_ERROR);
    assert.equal(lpErrno.value, spi.WSAENOPROTOOPT);
    const s = table.lpWSPSocket(spi.AF_INET, spi.SOCK_STREAM, spi.IPPROTO_TCP, null, 0, 1, lpErrno);
    assert.notEqual(s, 100, 'the descriptor is the provider’s own');
    assert.equal(table.lpWSPCloseSocket(s, lpErrno), 0);
    assert.deepEqual(closed, [100], 'the up-call carries the switch’s handle');
    assert.equal(table.lpWSPCloseSocket(s, lpErrno), spi.SOCKET_ERROR);
    assert.equal(lpErrno.value, spi.WSAENOTSOCK);
  });

  test('noQosByName: FALSE and WSAEOPNOTSUPP', () => {
    const lpErrno = spi.out(0);
    const flow: spi.FLOWSPEC = {
      TokenRate: 0,
      TokenBucketSize: 0,
      PeakBandwidth: 0,
      Latency: 0,
      DelayVariation: 0,
      ServiceType: 0,
      MaxSduSize: 0,
      MinimumPolicedSize: 0,
    };
    const ProviderSpecific = { len: 0, buf: new Uint8Array(0) };
    const qos: spi.QOS = { SendingFlowspec: flow, ReceivingFlowspec: flow, ProviderSpecific };
    assert.equal(spi.noQosByName(1, null, qos, lpErrno), false);
    assert.equal(lpErrno.value, spi.WSAEOPNOTSUPP);
  });
});

describe('spi up-calls', () => {
  test('16 slots, in the published order', () => {
    assert.equal(spi.UPCALL_SLOTS.length, 16);
    assert.deepEqual(
      [...spi.UPCALL_SLOTS],
      words(UPCALLS).map((name) => `lpWPU${name}`),
    );
    const table = upcallTable();
    assert.deepEqual(Object.keys(table), [...spi.UPCALL_SLOTS]);
    for (const slot of spi.UPCALL_SLOTS) assert.equal(typeof table[slot], 'function', slot);
  });

  test('event objects: manual reset, the waiter runs inside WPUSetEvent', () => {
    const table = upcallTable();
    const lpErrno = spi.out(0);
    const event = table.lpWPUCreateEvent(lpErrno);
    assert.ok(event !== null);
    let calls = 0;
    event.onSet = () => calls++;
    assert.equal(table.lpWPUSetEvent(event, lpErrno), true);
    assert.equal(table.lpWPUSetEvent(event, lpErrno), true);
    assert.equal(calls, 2);
    assert.equal(event.signalled, true);
    assert.equal(table.lpWPUResetEvent(event, lpErrno), true);
    assert.equal(event.signalled, false);
    assert.equal(table.lpWPUCloseEvent(event, lpErrno), true);
    table.lpWPUSetEvent(event, lpErrno);
    assert.equal(calls, 2, 'a closed event has no waiter');
    assert.equal(table.lpWPUSetEvent(null as unknown as spi.WSAEVENT, lpErrno), false);
    assert.equal(lpErrno.value, spi.WSA_INVALID_PARAMETER);
  });

  test('those without meaning here fail with WSAEOPNOTSUPP', () => {
    const table = upcallTable();
    const lpErrno = spi.out(0);
    const thread = { ThreadHandle: 0, Reserved: 0 };
    const failing: (() => number)[] = [
      () => table.lpWPUGetProviderPath('', spi.out(''), spi.out(0), lpErrno),
      () => table.lpWPUModifyIFSHandle(0, 1, lpErrno),
      () => table.lpWPUQueryBlockingCallback(0, spi.out(null), spi.out<unknown>(null), lpErrno),
      () => table.lpWPUQueueApc(thread, () => undefined, null, lpErrno),
      () => table.lpWPUOpenCurrentThread(thread, lpErrno),
      () => table.lpWPUCloseThread(thread, lpErrno),
    ];
    for (const call of failing) {
      lpErrno.value = 0;
      assert.equal(call(), -1);
      assert.equal(lpErrno.value, spi.WSAEOPNOTSUPP);
    }
    assert.equal(table.lpWPUPostMessage(0, 0, 0, 0), false);
    assert.equal(table.lpWPUFDIsSet(3, new Set([3])), 1);
    assert.equal(table.lpWPUFDIsSet(4, new Set([3])), 0);
  });
});

describe('spi extensions', () => {
  test('seven GUIDs, the last two optional', () => {
    assert.deepEqual(
      spi.SAN_EXTENSIONS.map((extension) => extension.guid),
      rows(EXTENSION_GUIDS).map(([, guid]) => guid),
    );
    assert.equal(spi.SAN_EXTENSIONS.length, 7);
    assert.deepEqual(
      spi.SAN_EXTENSIONS.filter((extension) => !extension.required).map((extension) => extension.name),
      ['WSPRdmaRead', 'WSPMemoryRegistrationCacheCallback'],
    );
    for (const { name, guid } of spi.SAN_EXTENSIONS) {
      const constant = `WSAID_${name.slice(3).toUpperCase()}`;
      assert.equal((spi as Readonly<Record<string, unknown>>)[constant], guid);
    }
  });

  test('every GUID is canonical, and ours is none of the published ones', () => {
    const guids = Object.entries(spi).filter(([name]) => name.startsWith('WSAID_'));
    assert.equal(guids.length, 7 + 3 + 1);
    for (const [name, guid] of guids) assert.equal(spi.guidText(guid), guid, name);
    assert.equal(new Set(guids.map(([, guid]) => guid)).size, guids.length);
    assert.match(spi.WSAID_SD_OWNEDRECEIVE, /^.{14}4.{4}[89AB]/, 'a random (version 4) GUID');
  });
});
