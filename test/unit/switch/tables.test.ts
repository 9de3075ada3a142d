// The small parts: names, the address table, the negative cache, handles and up-calls.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SendOperation } from '../../../src/session/index.js';
import {
  AF_INET,
  AF_INET6,
  createOverlapped,
  INVALID_SOCKET,
  makeAddressList,
  makeSockaddr,
  SOCKET_ERROR,
  WSAECONNRESET,
  WSAEINVALIDPROVIDER,
  WSAENOTSOCK,
} from '../../../src/spi/index.js';
import { AddressTable } from '../../../src/switch/address-table.js';
import { HandleTable } from '../../../src/switch/handle-table.js';
import { destination, plainName, programName } from '../../../src/switch/names.js';
import { NegativeCache } from '../../../src/switch/negative-cache.js';
import { makeUpcalls } from '../../../src/switch/upcalls.js';
import { v4, v6 } from './harness.js';

describe('names', () => {
  test('plain: canonical text, IPv4 if IPv4-mapped', () => {
    for (const [given, plain] of [
      [v4('10.0.0.1', 1), '10.0.0.1'],
      [v6('::1', 1), '::1'],
      [v6('0:0:0:0:0:0:0:0', 1), '::'],
      [v6('2001:DB8:0:0:1:0:0:1', 1), '2001:db8::1:0:0:1'],
      [v6('::ffff:10.0.0.1', 1), '10.0.0.1'],
      [v6('::FFFF:a00:1', 1), '10.0.0.1'],
    ] as const) {
      const name = plainName(given);
      assert.equal(name?.sin_addr, plain);
      assert.equal(name.sin_port, 1);
      assert.equal(name.sa_family, plain.includes(':') ? AF_INET6 : AF_INET);
    }
  });

  test('what is no address, or of another family, is none', () => {
    assert.equal(plainName(v6('nonsense', 1)), null);
    assert.equal(plainName(makeSockaddr(1, '/tmp/x', 1)), null);
  });

  test('a program sees IPv4 on an IPv6 socket as mapped', () => {
    assert.deepEqual(programName(v4('10.0.0.1', 2), AF_INET6), v6('::ffff:10.0.0.1', 2));
    assert.deepEqual(programName(v4('10.0.0.1', 2), AF_INET), v4('10.0.0.1', 2));
    assert.deepEqual(programName(v6('::1', 2), AF_INET6), v6('::1', 2));
  });

  test('a wildcard destination is this host, as on TCP', () => {
    assert.equal(destination(v4('0.0.0.0', 1), null).sin_addr, '127.0.0.1');
    assert.equal(destination(v4('0.0.0.0', 1), v4('10.0.0.5', 9)).sin_addr, '10.0.0.5');
    assert.equal(destination(v4('0.0.0.0', 1), v4('0.0.0.0', 9)).sin_addr, '127.0.0.1');
    assert.equal(destination(v6('::', 1), v6('2001:db8::1', 9)).sin_addr, '::1');
    assert.equal(destination(v4('10.0.0.5', 1), null).sin_addr, '10.0.0.5');
  });
});

describe('the address table', () => {
  const list = (...addresses: string[]) =>
    makeAddressList(addresses.map((address) => (address.includes(':') ? v6(address, 0) : v4(address, 0))));

  test('finds exact addresses, all of 127.0.0.0/8, and nothing else (ADDR-9)', () => {
    const table = new AddressTable<string>();
    table.rebuild([['shm', list('127.0.0.1', '10.0.0.5', '::1')]]);
    assert.equal(table.find(v4('127.255.0.3', 1)), 'shm');
    assert.equal(table.find(v4('10.0.0.5', 1)), 'shm');
    assert.equal(table.find(v6('::1', 1)), 'shm');
    assert.equal(table.find(v4('10.0.0.6', 1)), null);
    assert.equal(table.find(v4('8.8.8.8', 1)), null);
  });

  test('without a loopback address, 127.0.0.0/8 is not served', () => {
    const table = new AddressTable<string>();
    table.rebuild([['shm', list('10.0.0.5')]]);
    assert.equal(table.find(v4('127.0.0.1', 1)), null);
  });

  test('the first provider in order of preference has an address (GAP-10)', () => {
    const table = new AddressTable<string>();
    table.rebuild([
      ['one', list('10.0.0.5')],
      ['two', list('10.0.0.5', '10.0.0.6')],
    ]);
    assert.equal(table.find(v4('10.0.0.5', 1)), 'one');
    assert.equal(table.find(v4('10.0.0.6', 1)), 'two');
    assert.deepEqual(table.addresses('two'), ['10.0.0.5', '10.0.0.6']);
  });

  test('listeners: on their address, or on all of them (ADDR-9)', () => {
    const table = new AddressTable<string>();
    table.rebuild([
      ['one', list('10.0.0.5', '::ffff:10.0.0.7')],
      ['none', list()],
    ]);
    assert.equal(table.serves('one', v4('10.0.0.5', 1)), true);
    assert.equal(table.serves('one', v4('10.0.0.7', 1)), true, 'an IPv4-mapped entry is IPv4');
    assert.equal(table.serves('one', v4('10.0.0.6', 1)), false);
    assert.equal(table.serves('one', v4('0.0.0.0', 1)), true);
    assert.equal(table.serves('one', v6('::', 1)), true);
    assert.equal(table.serves('none', v4('0.0.0.0', 1)), false);
    assert.equal(table.serves('unknown', v4('0.0.0.0', 1)), false);
  });

  test('wildcards and link-local addresses in a list are left out', () => {
    const table = new AddressTable<string>();
    table.rebuild([['one', list('0.0.0.0', '::', 'fe80::1')]]);
    assert.equal(table.size, 0);
  });
});

describe('the negative cache', () => {
  const at = (ttlMs = 1000) => {
    const clock = { ms: 0 };
    return { clock, cache: new NegativeCache(ttlMs, () => clock.ms) };
  };

  test('remembers for its time', () => {
    const { cache, clock } = at();
    assert.equal(cache.get('a', 1), null);
    cache.set('a', 1, 'no-companion');
    clock.ms = 999;
    assert.equal(cache.get('a', 1)?.reason, 'no-companion');
    assert.equal(cache.get('a', 2), null);
    assert.equal(cache.get('b', 1), null);
    clock.ms = 1000;
    assert.equal(cache.get('a', 1), null);
    assert.equal(cache.get('a', 1), null);
  });

  test('the newest answer counts', () => {
    const { cache } = at();
    cache.set('a', 1, 'no-companion');
    cache.set('a', 1, 'uid-not-allowed');
    assert.equal(cache.get('a', 1)?.reason, 'uid-not-allowed');
    cache.forgetPort(1);
    assert.equal(cache.get('a', 1), null);
  });

  test('a port can be forgotten, with all its addresses', () => {
    const { cache } = at();
    cache.set('a', 1, 'no-companion');
    cache.set('b', 1, 'no-companion');
    cache.set('a', 2, 'no-companion');
    cache.forgetPort(1);
    assert.equal(cache.get('a', 1), null);
    assert.equal(cache.get('b', 1), null);
    assert.equal(cache.get('a', 2)?.reason, 'no-companion');
    cache.forgetPort(2);
    cache.forgetPort(3);
    assert.equal(cache.get('a', 2), null);
  });

  test('does not grow without bound', () => {
    const { cache } = at();
    for (let port = 1; port <= 5000; port++) cache.set('a', port, 'no-companion');
    let kept = 0;
    for (let port = 1; port <= 5000; port++) if (cache.get('a', port) !== null) kept++;
    assert.ok(kept > 0 && kept <= 1024, `${kept} entries`);
  });

  test('with no time it remembers nothing', () => {
    const { cache } = at(0);
    cache.set('a', 1, 'no-companion');
    assert.equal(cache.get('a', 1), null);
  });
});

describe('handles and up-calls (SOCK-8, CLOSE-11)', () => {
  const handles = new HandleTable();
  const owner = { catalogEntryId: 1001, createdHandle: INVALID_SOCKET };
  const other = { catalogEntryId: 1002, createdHandle: INVALID_SOCKET };
  const upcalls = makeUpcalls(handles, owner);
  const errno = { value: 0 };

  test('a handle keeps the provider’s context until it is closed', () => {
    const context = { record: 1 };
    const s = upcalls.lpWPUCreateSocketHandle(1001, context, errno);
    assert.notEqual(s, INVALID_SOCKET);
    assert.equal(owner.createdHandle, s);
    const found = { value: null as unknown };
    assert.equal(upcalls.lpWPUQuerySocketHandleContext(s, found, errno), 0);
    assert.equal(found.value, context);
    assert.equal(upcalls.lpWPUCloseSocketHandle(s, errno), 0);
    assert.equal(upcalls.lpWPUCloseSocketHandle(s, errno), SOCKET_ERROR);
    assert.equal(errno.value, WSAENOTSOCK);
    assert.equal(upcalls.lpWPUQuerySocketHandleContext(s, found, errno), SOCKET_ERROR);
    assert.notEqual(upcalls.lpWPUCreateSocketHandle(0, null, errno), s, 'no handle is used twice');
  });

  test('a foreign catalog entry gets none', () => {
    assert.equal(upcalls.lpWPUCreateSocketHandle(1002, null, errno), INVALID_SOCKET);
    assert.equal(errno.value, WSAEINVALIDPROVIDER);
  });

  test('another provider’s handle is no socket to this one', () => {
    const s = makeUpcalls(handles, other).lpWPUCreateSocketHandle(0, null, errno);
    assert.equal(upcalls.lpWPUCloseSocketHandle(s, errno), SOCKET_ERROR);
    const overlapped = createOverlapped();
    overlapped.Internal = 0x103;
    assert.equal(upcalls.lpWPUCompleteOverlappedRequest(s, overlapped, 0, 1, errno), SOCKET_ERROR);
    assert.equal(overlapped.Internal, 0x103);
    handles.closeAll(other);
    assert.equal(handles.get(other, s), null);
  });

  test('a completion writes the result, then tells who waits (XFER-25, XFER-27)', () => {
    const s = upcalls.lpWPUCreateSocketHandle(0, null, errno);
    const told: number[] = [];
    const operation = new SendOperation({ onSendComplete: (_operation, error) => told.push(error) });
    operation.busy = true;
    assert.equal(upcalls.lpWPUCompleteOverlappedRequest(s, operation, WSAECONNRESET, 5, errno), 0);
    assert.deepEqual(told, [WSAECONNRESET]);
    assert.equal(operation.InternalHigh, 0, 'a failed operation has moved no bytes (OBS-19)');
    assert.equal(operation.busy, false);
    const polled = createOverlapped(true);
    assert.equal(upcalls.lpWPUCompleteOverlappedRequest(s, polled, 0, 7, errno), 0);
    assert.equal(polled.InternalHigh, 7);
  });
});
