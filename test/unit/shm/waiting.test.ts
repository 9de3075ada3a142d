// What waits on a link for room in its ring, and what the event loop is told of it. The other end is its ring, read by hand.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Addon, LINK_STATE } from '../../../src/proxy-driver/index.js';
import {
  CONTROL_HEAD,
  CONTROL_OFFSET,
  linkLayout,
  RECORD_MESSAGE,
  RING_BYTES_MIN,
  SLOTS_MIN,
} from '../../../src/providers/shm/layout.js';
import { Link, SEND_DONE, SEND_NO_ROOM } from '../../../src/providers/shm/link.js';
import { RECORD_FOUND } from '../../../src/providers/shm/record-source.js';
import { RingReader } from '../../../src/providers/shm/ring-reader.js';
import { RingWriter } from '../../../src/providers/shm/ring-writer.js';
import { ShmSocket } from '../../../src/providers/shm/socket-record.js';
import { RUN_BEFORE, RUN_STOP, type WSAOVERLAPPED } from '../../../src/spi/index.js';

const { RX_HEAD, TX_WAITING, TX_WANTED, PROGRESS } = LINK_STATE;
const layout = linkLayout(RING_BYTES_MIN, SLOTS_MIN);
/** Four of them, with their headers, fill the ring. */
const BYTES = RING_BYTES_MIN / 4 - 16;

function linked() {
  const memory = new ArrayBuffer(layout.totalBytes);
  const words = new Int32Array(memory);
  const state = new Int32Array(16);
  let sent = 0;
  const addon: Pick<Addon, 'linkAttach' | 'linkBell' | 'lock'> = {
    linkAttach: () => state.buffer,
    linkBell: () => 0,
    lock: () => -1,
  };
  const link = new Link(
    {
      addon: addon as Addon,
      awake: Int32Array.of(1),
      spillBytesMax: 0,
      onRecord: () => null,
      onSent: () => {
        sent++;
      },
      onEarly: () => undefined,
      onLinkGone: (_link, violation) => assert.fail(violation),
    },
    1,
    0,
    0,
    0,
  );
  link.attach(memory, layout);
  const peer = new RingReader(memory, layout, 0, new Int32Array(16));
  const payload = { len: BYTES, buf: new Uint8Array(BYTES) };
  return {
    link,
    state,
    back: new RingWriter(memory, layout, 1),
    sent: () => sent,
    send: () => link.send(RECORD_MESSAGE, 0, [payload], 1, BYTES),
    /** As the provider does for the switch. */
    queue() {
      link.enqueue({
        kind: RECORD_MESSAGE,
        connection: 0,
        buffers: [payload],
        count: 1,
        bytes: BYTES,
        transferred: BYTES,
        overlapped: {} as WSAOVERLAPPED,
        socket: new ShmSocket(0),
      });
    },
    /** The peer takes one. */
    take() {
      assert.equal(peer.next(), RECORD_FOUND);
      peer.take();
      peer.release();
    },
    /** As native/core/pump.c looks. */
    hasSpace: () =>
      state[TX_WAITING] !== 0 && ((words[(CONTROL_OFFSET + CONTROL_HEAD) >> 2] - state[TX_WANTED]) | 0) >= 0,
  };
}

describe('what waits for room', () => {
  it('is waited for until half a ring is free, and then sent one for each event', () => {
    const { link, state, send, queue, take, hasSpace, sent } = linked();
    while (send() === SEND_DONE);
    for (let i = 0; i < 3; i++) queue();
    assert.equal(send(), SEND_NO_ROOM, 'what comes later waits as well');
    take();
    assert.equal(hasSpace(), false);
    take();
    for (let i = 1; i <= 2; i++) {
      assert.equal(hasSpace(), true);
      link.drain();
      assert.deepEqual([state[PROGRESS], sent()], [i, i]);
    }
    link.drain();
    assert.deepEqual([state[PROGRESS], hasSpace()], [2, false], 'full again');
    take();
    take();
    link.drain();
    assert.deepEqual([state[PROGRESS], state[TX_WAITING], sent()], [3, 0, 3]);
  });

  it('is sent when something has come, with less room than that, and the event loop can tell that it was', () => {
    const { link, state, back, send, queue, take, hasSpace } = linked();
    while (send() === SEND_DONE);
    for (let i = 0; i < 3; i++) queue();
    back.reserve(RECORD_MESSAGE, 0, 0);
    back.publish();
    take();
    assert.equal(hasSpace(), false);
    link.drain();
    assert.deepEqual([state[PROGRESS], state[RX_HEAD], hasSpace()], [1, 0, true]);
  });

  it('is never overtaken by the count of bytes, however long the queue does not run dry', () => {
    const { link, state, send, queue, take, hasSpace } = linked();
    while (send() === SEND_DONE);
    queue();
    take();
    take();
    const records = 2 ** 32 / (BYTES + 16);
    for (let i = 0; i < records; i++) {
      queue();
      assert.equal(hasSpace(), true);
      link.drain();
      take();
    }
    assert.equal(state[PROGRESS], records);
  });
});

describe('a message whose receiver has something to do before it', () => {
  it('waits, and the event loop can tell that the run was not in vain', () => {
    const { link, state, back } = linked();
    const socket = new ShmSocket(0);
    const story: string[] = [];
    let untold = true;
    socket.receiver = {
      onMessage: () => (story.push('message'), untold ? RUN_BEFORE : RUN_STOP),
      onRunEnd: () => {
        story.push('end of run');
        untold = false;
      },
      onDisconnect: () => undefined,
    };
    link.slots[0] = socket;
    back.reserve(RECORD_MESSAGE, 0, 0);
    back.publish();
    link.drain();
    assert.deepEqual([state[RX_HEAD], state[PROGRESS]], [0, 1]);
    link.drain();
    assert.deepEqual([state[RX_HEAD] !== 0, state[PROGRESS]], [true, 1]);
    assert.deepEqual(story, ['message', 'end of run', 'message', 'end of run']);
  });
});
