// What a hostile peer can write into the ring and the words beside it once the link is open. name → what it does; it is
// over when the victim has ended the link.
import { randomBytes } from 'node:crypto';
import { encodeOffer } from '../../../../dist/session/negotiate.js';
import { addon, connectPayload, KIND, message, OFFER, RawLink, RING_BYTES, SLOTS, TYPE } from './raw.mjs';

const TAIL = 256 >> 2; // direction 0 is ours to write
const HEAD = (256 + 512 + 128) >> 2; // of the other direction
const CONFIRM = 1;
const ECHO_BYTES = 32 * 1024;
/** The smallest window that may be offered. */
const WINDOW_BYTES = 64 * 1024;

const onLink = (act) => async (port) => {
  const link = await RawLink.to(port);
  await act(link, port);
  await link.over();
  link.close();
};

/** On a connection that was accepted; `confirmed`: and stands. */
const onConnection = (act, confirmed = true) =>
  onLink(async (link, port) => {
    await link.connect(port);
    if (confirmed) link.put(KIND.message, 0, message(TYPE.confirm));
    await act(link, port);
  });

const tail = (value) =>
  onLink((link) => {
    Atomics.store(link.words, TAIL, value);
    addon.linkBell(link.id);
  });

/** One raw record header at the start of the ring, and a tail of `published`. */
const raw = (size, kind, connection, published = 64) =>
  onLink((link) => {
    const base = link.writer.reserve(KIND.close, 0, 0) - 16;
    link.words.set([size, kind, connection, 0], base >> 2);
    Atomics.store(link.words, TAIL, published);
    addon.linkBell(link.id);
  });

const record = (kind, connection, payload) => onLink((link) => link.put(kind, connection, payload));
const session = (bytes, confirmed) => onConnection((link) => link.put(KIND.message, 0, bytes), confirmed);

/** A CONNECT with some bytes changed. */
const connectWith = (change) =>
  onLink((link, port) => {
    const payload = connectPayload(port);
    link.put(KIND.connect, 0, change(payload) ?? payload);
  });

/** On a busy machine the victim takes its time. */
const LOOKS_WITHIN = 20_000;

/** Makes the victim, which echoes, send many times what the ring holds, and keeps it busy: it has to look at our head. */
const untilItLooks = (spoil) => async (port) => {
  const link = await RawLink.to(port, { passive: true });
  await link.connect(port);
  link.put(KIND.message, 0, message(TYPE.confirm));
  const end = Date.now() + LOOKS_WITHIN;
  for (let left = OFFER.windowBytes; link.closed === null && Date.now() < end; ) {
    spoil(link);
    if (left === 0) link.put(KIND.message, 0, message(TYPE.credit));
    else if (link.put(KIND.message, 0, data(ECHO_BYTES))) left -= ECHO_BYTES;
    await new Promise(setImmediate);
  }
  await link.over();
  link.close();
};

/** After its FIN, on a connection that lives on: the victim still owes us what our window does not let it send. */
const afterFin = (bytes) =>
  onLink(async (link, port) => {
    await link.connect(port, 0, { data: encodeOffer({ ...OFFER, windowBytes: WINDOW_BYTES }) });
    link.put(KIND.message, 0, message(TYPE.confirm));
    for (let sent = 0; sent <= WINDOW_BYTES; sent += 1024) {
      while (!link.put(KIND.message, 0, data(1024))) await new Promise(setImmediate);
    }
    link.put(KIND.message, 0, message(TYPE.fin));
    link.put(KIND.message, 0, bytes);
  });

const data = (length, options = {}) => message(TYPE.data, { payload: Buffer.alloc(length), ...options });

export const wrongRecords = {
  'a tail that is not aligned': tail(8),
  'a tail beyond the ring': tail(RING_BYTES + 16),
  'a negative tail': tail(-16),
  'a tail at the other end': tail(0x7fff_fff0),
  'a record of no bytes': raw(0, KIND.close, 0),
  'a record smaller than its header': raw(15, KIND.close, 0),
  'a record of negative size': raw(-16, KIND.close, 0),
  'a record beyond the tail': raw(80, KIND.close, 0),
  'a record beyond the ring': raw(RING_BYTES + 16, KIND.close, 0, RING_BYTES),
  'a PAD in the middle': raw(16, KIND.pad, 0),
  'a PAD of the whole ring': raw(RING_BYTES, KIND.pad, 0, RING_BYTES),
  'a negative connection': raw(16, KIND.close, -1),
  'a connection that is too high': raw(16, KIND.close, SLOTS),
  'an unknown kind': record(99, 0),
  'a DUPLICATE of nothing': record(KIND.duplicate, 0, Buffer.alloc(12)),
  'a DUPLICATE that is too short': onConnection((link) => link.put(KIND.duplicate, 0, Buffer.alloc(11))),
  'a DUPLICATED that nobody asked for': onConnection((link) => link.put(KIND.duplicated, 0, Buffer.alloc(1))),
  'an ATTACH that is too long': record(KIND.attach, 0, Buffer.alloc(5)),
  'an ATTACH with a number of the victim’s': record(KIND.attach, 1, Buffer.alloc(4)),
  'an ATTACH over a connection': onConnection((link) => link.put(KIND.attach, 0, Buffer.alloc(4))),
  'a SUSPEND, which was not offered': session(message(12)),
  'a RESUME of nothing': session(message(14)),
  'a CONNECT of no bytes': record(KIND.connect, 0),
  'a CONNECT of another family': connectWith((payload) => void payload.writeUInt16LE(5, 8)),
  'a CONNECT with too much data': connectWith((payload) => void payload.writeUInt16LE(300, 14)),
  'a CONNECT that is cut off': connectWith((payload) => payload.subarray(0, 60)),
  'a CONNECT with the other side’s number': onLink((link, port) => link.put(KIND.connect, 1, connectPayload(port))),
  'a CONNECT in use': onConnection((link, port) => link.put(KIND.connect, 0, connectPayload(port))),
  'an ACCEPT of nothing': record(KIND.accept, 1),
  'an ACCEPT of its own': onConnection((link) => link.put(KIND.accept, 0)),
  'a REFUSE of nothing': record(KIND.refuse, 1),
  'a REFUSE of its own': onConnection((link) => link.put(KIND.refuse, 0)),
  'a CLOSE of nothing': record(KIND.close, 1),
  'a second CLOSE': onConnection((link) => {
    link.put(KIND.close, 0);
    link.put(KIND.close, 0);
    link.put(KIND.close, 1);
  }),
  'a message for nobody': record(KIND.message, 2, data(100)),
  'an RDMA write for nobody': record(KIND.write, 2, Buffer.alloc(100)),
  'an RDMA write that is cut off': onConnection((link) => link.put(KIND.write, 0, Buffer.alloc(20))),
  'an RDMA write to guessed memory': onConnection((link) => link.put(KIND.write, 0, randomBytes(100))),
  'a session message that is cut off': session(Buffer.alloc(8)),
  'a session message of another length': session(data(100, { length: 50 })),
  'a session message of negative length': session(data(100, { length: -100 })),
  'data before the CONFIRM': session(data(100), false),
  'a FIN before the CONFIRM': session(message(TYPE.fin), false),
  'a second CONFIRM': session(message(TYPE.confirm)),
  'a second CONFIRM on data': session(data(100, { flags: CONFIRM })),
  'a report of bytes that were not sent': session(message(TYPE.credit, { consumed: 1 })),
  'a report that goes backwards': session(message(TYPE.credit, { consumed: -1 })),
  'a report of messages that were not sent': session(message(TYPE.credit, { messages: 30_000 })),
  'a FIN with data': session(message(TYPE.fin, { payload: Buffer.alloc(4) })),
  'a CREDIT with data': session(message(TYPE.credit, { payload: Buffer.alloc(4) })),
  'an unknown session message': session(message(77)),
  'data after the FIN': afterFin(data(4)),
  'a second FIN': afterFin(message(TYPE.fin)),
  'a head that is ahead': untilItLooks((link) => Atomics.store(link.words, HEAD, 0x4000_0000)),
  'a head that is negative': untilItLooks((link) => Atomics.store(link.words, HEAD, -16)),
  'a head that goes back': untilItLooks((link) => {
    // As far as it may be, or back to the start: by chance, or whoever looks now and then might always see the same. The
    // first rarely: who has seen it may send a whole ring before he looks again, and has but a few of them to send.
    const sent = Atomics.load(link.words, (256 + 512) >> 2);
    Atomics.store(link.words, HEAD, Math.random() < 1 / 16 ? sent : 0);
  }),
};
