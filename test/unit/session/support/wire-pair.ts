/**
 * Two sessions joined by an in-memory provider with a small queue each way: sends pend when the queue is full, messages
 * arrive in runs, and nothing moves unless the test says so. It implements the provider's side of the SPI contract.
 */
import assert from 'node:assert/strict';
import {
  completeOperation,
  type Offer,
  Session,
  type SessionIo,
  type SessionUser,
} from '../../../../src/session/index.js';
import {
  createProcTable,
  finishOverlapped,
  type MessageReceiver,
  type OwnedReceive,
  RUN_BEFORE,
  type WSPPROC_TABLE,
  RUN_VIOLATION,
  SOCKET_ERROR,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  type WSABUF,
  WSAECONNRESET,
  type WSAOVERLAPPED,
  WSAEWOULDBLOCK,
} from '../../../../src/spi/index.js';

import { MemoryRdma } from './memory-rdma.js';

export const OFFER: Offer = {
  version: 1,
  windowBytes: 64 * 1024,
  receiveBuffers: 16,
  rdmaRead: false,
  rdmaWrite: false,
  suspend: false,
  maxMessageBytes: 4096,
  maxRdmaBytes: 0,
  rdmaThresholdBytes: 0,
};

interface Posted {
  message: Uint8Array;
  overlapped: WSAOVERLAPPED;
}

/** One end: its provider socket and what its session did. */
export class End {
  peer!: End;
  session!: Session;
  receiver: MessageReceiver | null = null;
  inbox: Uint8Array[] = [];
  posted: Posted[] = [];
  consumed = 0;
  closed = false;
  exiting = false;
  /** 0, or how every send fails from now on, also those that the provider holds. */
  sendError = 0;
  /** Messages taken off the wire but not yet reported: must never exceed what we offered (SESS-4). */
  readonly violations: string[] = [];
  confirmed = 0;
  over = 0;
  /** For the session's timer of a suspension; as of {@link SessionIo}. */
  heldMsMax: number | undefined = undefined;
  resumed = 0;
  readonly rdma = new MemoryRdma();

  constructor(
    readonly queueMax: number,
    readonly user = new RecordingUser(),
  ) {}

  get procs(): WSPPROC_TABLE {
    const table = createProcTable();
    table.lpWSPSend = (_s, buffers, count, sent, flags, overlapped, routine, thread, errno) => {
      assert.equal(flags, 0);
      assert.deepEqual([routine, thread], [null, null]);
      if (this.closed || this.peer.closed || this.sendError !== 0) {
        errno.value = this.sendError || WSAECONNRESET;
        return SOCKET_ERROR;
      }
      const message = join(buffers, count);
      if (this.exiting || (this.peer.inbox.length < this.queueMax && this.posted.length === 0)) {
        this.peer.inbox.push(message);
        sent.value = message.length;
        return 0;
      }
      if (overlapped === null) errno.value = WSAEWOULDBLOCK;
      else {
        this.posted.push({ message, overlapped });
        errno.value = WSA_IO_PENDING;
      }
      return SOCKET_ERROR;
    };
    table.lpWSPCloseSocket = () => {
      if (this.closed) return SOCKET_ERROR;
      this.closed = true;
      this.rdma.close(true);
      for (const { overlapped } of this.posted.splice(0)) {
        finishOverlapped(overlapped, WSA_OPERATION_ABORTED, 0);
        completeOperation(overlapped);
      }
      return 0;
    };
    return table;
  }

  get owned(): OwnedReceive {
    return {
      SdpSetReceiver: (_s, receiver) => {
        this.receiver = receiver;
        return 0;
      },
      SdpSetConsumed: (_s, total) => {
        this.consumed = total;
      },
      SdpPeerConsumed: () => this.peer.consumed,
      SdpBeginExit: () => {
        this.exiting = true;
        // Placed in order, and nobody is told: an exiting program hears of nothing any more.
        for (const { message } of this.posted.splice(0)) this.peer.inbox.push(message);
      },
      SdpEndExit: () => undefined,
      SdpPeerOf: () => null,
    };
  }

  get io(): SessionIo {
    return {
      s: 1,
      proc: this.procs,
      receive: this.owned,
      extensions: this.rdma.extensions,
      cancelMilliseconds: 20,
      onConfirmed: () => {
        this.confirmed++;
      },
      onClosed: () => {
        this.over++;
      },
      onViolation: (_session, what) => this.violations.push(what),
      onResumed: () => {
        this.resumed++;
      },
      ...(this.heldMsMax === undefined ? {} : { heldMsMax: this.heldMsMax }),
    };
  }

  /** Takes one run of messages, as a provider's drain does, or completes an RDMA. False: nothing to do. */
  step(): boolean {
    if (!this.closed && this.rdma.step()) return true;
    if (this.closed || this.receiver === null) {
      this.inbox.length = 0;
      return this.flushPeer();
    }
    if (this.inbox.length === 0) {
      if (this.flushPeer()) return true;
      if (!this.peer.closed || this.session.phase === 'closed' || this.told) return false;
      this.told = true;
      this.receiver.onDisconnect(0);
      return true;
    }
    let result: number;
    do {
      const message = this.inbox[0];
      result = this.receiver.onMessage(message, 0, message.length);
      if (result !== RUN_BEFORE) this.inbox.shift();
    } while (result === 0 && this.inbox.length > 0);
    assert.notEqual(result, RUN_VIOLATION, this.violations.join());
    this.receiver.onRunEnd();
    this.flushPeer();
    return true;
  }
  told = false;

  /** The provider's completion: one pended message of the peer moves into our inbox. */
  flushPeer(): boolean {
    if (this.peer.posted.length === 0 || this.inbox.length >= this.queueMax) return false;
    const { message, overlapped } = this.peer.posted.shift()!;
    const { sendError } = this.peer;
    if (sendError === 0) this.inbox.push(message);
    finishOverlapped(overlapped, sendError, sendError === 0 ? message.length : 0);
    completeOperation(overlapped);
    return true;
  }

  /** The process of this end dies. */
  kill(): void {
    this.closed = true;
    this.rdma.close(false);
    this.posted.length = 0;
  }
}

/** Writes down what a program would see. */
export class RecordingUser implements SessionUser {
  readonly log: string[] = [];
  received: number[] = [];
  written = 0;
  onData(memory: ArrayBuffer, offset: number, length: number): void {
    this.log.push(`data ${length}`);
    for (const byte of new Uint8Array(memory, offset, length)) this.received.push(byte);
  }
  onEnd(): void {
    this.log.push('end');
  }
  onReset(error: number): void {
    this.log.push(`reset ${error}`);
  }
  onUrgent(bytes: Uint8Array): void {
    this.log.push(`urgent ${Buffer.from(bytes).toString('latin1')}`);
  }
  onWritten(error: number): void {
    this.written++;
    this.log.push(`written ${error}`);
  }
  onShutdown(error: number): void {
    this.log.push(`shutdown ${error}`);
  }
  takeUnsent(): null {
    return null;
  }
}

function join(buffers: readonly WSABUF[], count: number): Uint8Array {
  return Uint8Array.from(Buffer.concat(buffers.slice(0, count).map(({ buf, len }) => buf.subarray(0, len))));
}

/** A connected pair; `a` has connected, `b` has accepted and been confirmed. */
export function pair(offerA: Partial<Offer> = {}, offerB: Partial<Offer> = {}, queueMax = 64): [End, End] {
  const a = new End(queueMax);
  const b = new End(queueMax);
  a.peer = b;
  b.peer = a;
  a.rdma.peer = b.rdma;
  b.rdma.peer = a.rdma;
  const mine = { ...OFFER, ...offerA };
  const theirs = { ...OFFER, ...offerB };
  a.session = new Session(a.io, mine, 'connecting');
  b.session = new Session(b.io, theirs, 'unconfirmed');
  assert.equal(b.session.establish(mine), 0);
  assert.equal(a.session.establish(theirs), 0);
  a.session.user = a.user;
  b.session.user = b.user;
  return [a, b];
}

/** Lets everything move, immediates included, until nothing does. */
export async function settle(...ends: End[]): Promise<void> {
  const told = (): number => ends.reduce((sum, end) => sum + end.user.log.length, 0);
  for (let quiet = 0; quiet < 3; ) {
    const before = told();
    let moved = false;
    for (const end of ends) while (end.step()) moved = true;
    await new Promise((resolve) => setImmediate(resolve));
    for (const end of ends) if (end.inbox.length > 0 || end.step()) moved = true;
    quiet = moved || told() !== before ? 0 : quiet + 1;
  }
}
