import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as spi from '../../../src/spi/index.js';

describe('spi overlapped', () => {
  test('bit 0 of hEvent decides: 0 = notify, 1 = poll (XFER-22, XFER-23)', () => {
    assert.equal(spi.wantsNotification(spi.createOverlapped()), true);
    assert.equal(spi.wantsNotification(spi.createOverlapped(true)), false);
    assert.equal(spi.wantsNotification({ ...spi.createOverlapped(), hEvent: 0x1234 }), true);
    assert.equal(spi.wantsNotification({ ...spi.createOverlapped(), hEvent: 0x1235 }), false);
  });

  test('a polled operation from begin to result', () => {
    const overlapped = spi.createOverlapped(true);
    const [transferred, flags, lpErrno] = [spi.out(-1), spi.out(-1), spi.out(-1)];
    assert.equal(spi.isComplete(overlapped), true);
    spi.beginOverlapped(overlapped);
    assert.equal(overlapped.Internal, 0x103);
    assert.equal(spi.isComplete(overlapped), false);
    assert.equal(spi.readOverlapped(overlapped, transferred, flags, lpErrno), false);
    assert.equal(lpErrno.value, spi.WSA_IO_INCOMPLETE);
    assert.equal(transferred.value, -1, 'nothing is reported before the end');
    overlapped.Offset = spi.MSG_PARTIAL;
    spi.finishOverlapped(overlapped, 0, 17);
    assert.equal(spi.readOverlapped(overlapped, transferred, flags, lpErrno), true);
    assert.deepEqual([transferred.value, flags.value, lpErrno.value], [17, spi.MSG_PARTIAL, 0]);
    assert.equal(overlapped.hEvent, spi.OVERLAPPED_POLL, 'the caller’s field is untouched');
  });

  test('a failed operation reports its code and 0 bytes (OBS-19)', () => {
    const overlapped = spi.createOverlapped();
    const [transferred, flags, lpErrno] = [spi.out(0), spi.out(0), spi.out(0)];
    spi.beginOverlapped(overlapped);
    spi.finishOverlapped(overlapped, spi.WSA_OPERATION_ABORTED, 17);
    assert.equal(spi.readOverlapped(overlapped, transferred, flags, lpErrno), false);
    assert.deepEqual([transferred.value, lpErrno.value], [0, spi.WSA_OPERATION_ABORTED]);
  });

  test('beginning again forgets the former result', () => {
    const overlapped = spi.createOverlapped();
    spi.beginOverlapped(overlapped);
    spi.finishOverlapped(overlapped, spi.WSAECONNRESET, 0);
    spi.beginOverlapped(overlapped);
    assert.equal(overlapped.OffsetHigh, 0);
    assert.equal(overlapped.InternalHigh, 0);
  });
});

describe('spi network events', () => {
  test('take: resets the event, moves the record, clears it (SYNC-2)', () => {
    const record = spi.createNetworkEvents();
    const report = spi.createNetworkEvents();
    const event = spi.createEvent();
    assert.equal(record.iErrorCode.length, spi.FD_MAX_EVENTS);
    spi.recordNetworkEvent(record, spi.FD_CONNECT_BIT, spi.WSAECONNREFUSED);
    spi.recordNetworkEvent(record, spi.FD_ACCEPT_BIT, 0);
    spi.setEvent(event);
    spi.takeNetworkEvents(record, event, report);
    assert.equal(event.signalled, false);
    assert.equal(report.lNetworkEvents, spi.FD_SAN_EVENTS);
    assert.equal(report.iErrorCode[spi.FD_CONNECT_BIT], spi.WSAECONNREFUSED);
    assert.deepEqual(record, spi.createNetworkEvents());
    spi.takeNetworkEvents(record, null, report);
    assert.deepEqual(report, spi.createNetworkEvents(), 'everything since the last call, and no more');
  });
});

describe('spi addresses', () => {
  test('lengths by family', () => {
    assert.equal(spi.sockaddrLength(spi.AF_INET), 16);
    assert.equal(spi.sockaddrLength(spi.AF_INET6), 28);
    assert.equal(spi.sockaddrLength(1), 0);
  });

  test('format, copy, wildcard', () => {
    const v4 = spi.makeSockaddr(spi.AF_INET, '192.0.2.1', 80);
    const v6 = spi.makeSockaddr(spi.AF_INET6, 'fe80::1', 443, 2);
    assert.equal(spi.formatSockaddr(v4), '192.0.2.1:80');
    assert.equal(spi.formatSockaddr(v6), '[fe80::1%2]:443');
    assert.equal(spi.formatSockaddr({ sa_family: spi.AF_INET6, sin_addr: '::1', sin_port: 1 }), '[::1]:1');
    const copy = spi.makeSockaddr(spi.AF_INET, '', 0);
    spi.copySockaddr(copy, v6);
    assert.deepEqual(copy, v6);
    spi.copySockaddr(copy, { sa_family: spi.AF_INET, sin_addr: '192.0.2.1', sin_port: 80 });
    assert.deepEqual(copy, v4, 'a reused address keeps no scope of its former family');
    assert.equal(spi.isWildcard(spi.makeSockaddr(spi.AF_INET, '0.0.0.0', 1)), true);
    assert.equal(spi.isWildcard(spi.makeSockaddr(spi.AF_INET6, '::', 1)), true);
    assert.equal(spi.isWildcard(v4), false);
    assert.equal(spi.isWildcard(v6), false);
  });

  test('an address list counts its entries', () => {
    const list = spi.makeAddressList([spi.makeSockaddr(spi.AF_INET, '127.0.0.1', 0)]);
    assert.equal(list.iAddressCount, 1);
    assert.equal(list.Address[0]?.iSockaddrLength, 16);
    assert.deepEqual(spi.makeAddressList([]), { iAddressCount: 0, Address: [] });
  });
});

describe('spi protocol information', () => {
  test('defaults of a SAN provider (SP-16, SP-17, SP-20, OBS-5)', () => {
    const info = spi.makeProtocolInfo({ ProviderId: spi.WSAID_RDMAREAD, szProtocol: 'x' });
    assert.equal(info.dwServiceFlags1, 0x2 | 0x4 | 0x8 | 0x20);
    assert.equal(info.dwProviderFlags, spi.PFL_HIDDEN);
    assert.equal(info.ProtocolChain.ChainLen, spi.BASE_PROTOCOL);
    assert.equal(info.ProtocolChain.ChainEntries.length, spi.MAX_PROTOCOL_CHAIN);
    assert.deepEqual([info.iVersion, info.iAddressFamily, info.iSocketType, info.iProtocol], [2, 2, 1, 6]);
    assert.deepEqual([info.iMinSockAddr, info.iMaxSockAddr, info.dwMessageSize], [16, 16, 0xffffffff]);
  });

  test('fields replace the defaults', () => {
    const dwServiceFlags1 = spi.XP1_CONNECT_DATA;
    const info = spi.makeProtocolInfo({ ProviderId: spi.WSAID_RDMAREAD, szProtocol: 'x', dwServiceFlags1 });
    assert.equal(info.dwServiceFlags1, spi.XP1_CONNECT_DATA);
  });

  test('has the fields of WSAPROTOCOL_INFOW and no others', () => {
    const published = `dwServiceFlags1 dwServiceFlags2 dwServiceFlags3 dwServiceFlags4 dwProviderFlags ProviderId
      dwCatalogEntryId ProtocolChain iVersion iAddressFamily iMaxSockAddr iMinSockAddr iSocketType iProtocol
      iProtocolMaxOffset iNetworkByteOrder iSecurityScheme dwMessageSize dwProviderReserved szProtocol`;
    const info = spi.makeProtocolInfo({ ProviderId: spi.WSAID_RDMAREAD, szProtocol: 'x' });
    assert.deepEqual(Object.keys(info).sort(), published.split(/\s+/).sort());
  });
});
