/**
 * The receiving side of large transfers. Each announced transfer has its place among the received bytes, and is fetched
 * when it is the oldest and the program reads: a bounded part at a time, by WSPRdmaRead into registered memory (pull,
 * XFER-7), into memory that the sender writes to (push, XFER-10), or in messages, whichever works (D7, GAP-6). Each way
 * that fails is followed by the next, and the last needs no RDMA, so that a refusal never ends in a wait.
 */
import { MEM_WRITE, WSAEACCES, WSAEOPNOTSUPP } from '../../spi/index.js';
import type { SendSide } from '../send-side.js';
import { ownMemory } from '../own-memory.js';
import type { SessionIo } from '../types.js';
import { EXIT_BYTES_MAX, MESSAGE_BY_MESSAGE, MESSAGE_SOURCE_DONE, MESSAGE_TARGET } from '../wire.js';
import { FETCH_BYTES_MAX, FETCH_BYTES_MIN, TRANSFERS_MAX } from './limits.js';
import {
  BY_MESSAGE_FOR_GOOD,
  DONE_ALL,
  DONE_CANCELLED,
  DONE_NO_MEMORY,
  DONE_SO_FAR,
  headBody,
  rangeBody,
} from './messages.js';
import { RdmaOperation, type RdmaOwner, STARTED } from './operations.js';
import { Exposing } from './registering.js';

/** How a part is fetched, best first. */
type Way = 'pull' | 'push' | 'message';

/** Bytes for the program: those of `memory`; the first `counted` of them were sent in a message within the window. */
export interface Fetched {
  readonly memory: Uint8Array;
  readonly counted: number;
}

/** A part that the sender is to write. */
interface Target {
  readonly descriptor: Uint8Array;
  readonly memory: Uint8Array;
  readonly counted: number;
  readonly bytes: number;
}

/** One announced transfer. */
export class IncomingTransfer {
  /** Bytes that are here, and that the program has. */
  received = 0;
  delivered = 0;
  /** Here, and not with the program yet. */
  readonly ready: Fetched[] = [];
  /** By message: asked for up to here. */
  requested = 0;
  /** The sender exits: the rest comes without being asked for (D7). */
  alone = false;
  /** RDMA has failed on this transfer, or on the connection. */
  way: Way;

  constructor(
    readonly number: number,
    /** Bytes in all; less once the stream was cut inside it. */
    public length: number,
    readonly descriptor: Uint8Array,
    /** What came with the announcement, until it goes to the program in front of the first part. */
    public initial: Uint8Array | null,
    way: Way,
  ) {
    this.way = way;
  }
}

/** A transfer that goes to another process: its place is among the bytes that the program has not read. */
export interface IncomingState {
  readonly number: number;
  readonly length: number;
  readonly received: number;
  readonly delivered: number;
  readonly initial: Uint8Array | null;
  readonly ready: readonly Fetched[];
}

const GONE = new Uint8Array(0);

/** What the receiving side needs of its session. */
export interface IncomingHost {
  /** The oldest transfer has got further. Called from inside the provider. */
  onFetched(): void;
  /** Memory for received bytes cannot be had. */
  onNoMemory(): void;
}

export class Incoming implements RdmaOwner {
  /** Not completely with the program; oldest first. */
  readonly transfers: IncomingTransfer[] = [];
  /** Number of the last transfer announced. */
  lastNumber = 0;
  /** Nothing new is fetched: one end of the connection goes to another process (DUP-12). */
  held = false;
  /** A SOURCE_CANCEL has ended the stream; its number, until the answer has gone. */
  #cancelled = 0;
  /** The connection is gone. */
  #over = false;
  #ways: readonly Way[];
  #reading: { operation: RdmaOperation; transfer: IncomingTransfer; bytes: number; counted: number } | null = null;
  #target: Target | null = null;
  readonly #exposing: Exposing;
  #exitBytes = 0;

  constructor(
    readonly io: SessionIo,
    readonly send: SendSide,
    readonly host: IncomingHost,
    /** Most bytes of one part, in bytes: our window, or the providers' limit of one RDMA call (XFER-3). */
    readonly partBytesMax: number,
    canPull: boolean,
    canBePushed: boolean,
  ) {
    const ways: Way[] = canPull ? ['pull'] : [];
    if (canBePushed) ways.push('push');
    this.#ways = ways;
    this.#exposing = new Exposing(io.s, io.extensions);
  }

  // ---------------------------------------------------------------- what the sender says

  /** A string tells what is wrong with the announcement. */
  announce(
    number: number,
    length: number,
    descriptor: Uint8Array,
    initial: Uint8Array | null,
  ): IncomingTransfer | string {
    if (number !== this.lastNumber + 1) return `transfer ${number} after ${this.lastNumber}`;
    if (length === 0) return 'a transfer of no bytes';
    if (this.transfers.length === TRANSFERS_MAX) return `more than ${TRANSFERS_MAX} transfers`;
    this.lastNumber = number;
    const transfer = new IncomingTransfer(number, length, descriptor, initial, this.#ways.at(0) ?? 'message');
    this.transfers.push(transfer);
    return transfer;
  }

  /** Bytes of a transfer in a message. A string tells what is wrong with them. */
  onPiece(number: number, offset: number, bytes: Uint8Array, exiting: boolean): string | null {
    const transfer = this.transfers.find((known) => known.number === number);
    // Of a transfer that was read to its end before the sender knew, as it exits.
    if (transfer === undefined) return exiting && number <= this.lastNumber ? null : `a piece of transfer ${number}`;
    if (offset + bytes.length > transfer.length) return 'a piece beyond its transfer';
    if (exiting) {
      this.#exitBytes += bytes.length;
      if (this.#exitBytes > EXIT_BYTES_MAX) return 'more pieces than an exiting process may leave';
      this.#leaveAlone(transfer);
    } else if (offset + bytes.length > transfer.requested) return 'a piece that was not asked for';
    if (offset > transfer.received) return 'a piece with a gap before it';
    if (!exiting && offset !== transfer.received) return 'a piece that came before';
    const known = transfer.received - offset;
    if (known >= bytes.length) return null;
    transfer.ready.push({ memory: known === 0 ? bytes : bytes.subarray(known), counted: 0 });
    transfer.received = offset + bytes.length;
    return null;
  }

  /** The sender has written the target, or could not (XFER-13, XFER-14). A string tells what is wrong. */
  onTargetDone(number: number, error: number, offset: number): string | null {
    const target = this.#target;
    const transfer = this.transfers.at(0);
    if (target === null || transfer?.number !== number || transfer.received !== offset) {
      return 'the end of a write that was not asked for';
    }
    this.#dropTarget();
    if (error === 0) this.#arrived(transfer, target.memory, target.bytes, target.counted);
    else this.#failed(transfer, 'push', error);
    return null;
  }

  /**
   * The sender ends the stream at its first transfer that is not complete here; from that on all is to be dropped, which
   * is the caller's part. The answer goes when nothing reads the sender's memory any more.
   */
  cancel(number: number): void {
    this.#cancelled = number;
    this.#dropTarget();
    this.#answerCancel();
  }

  #answerCancel(): void {
    if (this.#cancelled === 0 || this.#reading !== null || this.#over) return;
    this.send.sendControl(MESSAGE_SOURCE_DONE, headBody(this.#cancelled, DONE_CANCELLED, 0));
  }

  // ---------------------------------------------------------------- fetching

  /** Whether the oldest transfer has something for the program, or nothing under way that will bring it. */
  get isDue(): boolean {
    const transfer = this.transfers[0];
    if (transfer.ready.length > 0) return true;
    if (transfer.alone || this.held || this.#cancelled !== 0 || this.#over) return false;
    return this.#reading === null && this.#target === null && transfer.requested <= transfer.received;
  }

  /** The next bytes of the oldest transfer, fetching them if nothing does so yet; null: they will come. */
  next(): Fetched | null {
    const transfer = this.transfers[0];
    if (transfer.ready.length === 0 && this.isDue) this.#fetch(transfer);
    const fetched = transfer.ready.shift();
    if (fetched === undefined) return null;
    if (transfer.initial === null) return fetched;
    // Pieces have no room in front of them.
    const { initial } = transfer;
    transfer.initial = null;
    transfer.ready.unshift(fetched);
    return { memory: initial, counted: initial.length };
  }

  /** `fetched` is about to go to the program: the sender hears how far it has come (XFER-8). True: that was all. */
  account(fetched: Fetched): boolean {
    const transfer = this.transfers[0];
    transfer.delivered += fetched.memory.length - fetched.counted;
    const { number, delivered, length } = transfer;
    const all = delivered === length;
    if (all) this.transfers.shift();
    if (this.#cancelled === 0 && !this.#over && (all || !transfer.alone) && delivered > 0) {
      const body = headBody(number, all ? DONE_ALL : DONE_SO_FAR, delivered);
      this.send.sendControl(MESSAGE_SOURCE_DONE, body);
    }
    return all;
  }

  /** Until something is under way, or here: what a way cannot do is tried by the next. */
  #fetch(transfer: IncomingTransfer): void {
    while (transfer.received < transfer.length && transfer.ready.length === 0) {
      if (transfer.way === 'message') {
        this.#request(transfer);
        return;
      }
      const left = transfer.length - transfer.received;
      const counted = transfer.initial?.length ?? 0;
      const memory = allocate(Math.min(left, FETCH_BYTES_MAX, this.partBytesMax), counted);
      if (memory === null) {
        this.send.sendControl(MESSAGE_SOURCE_DONE, headBody(transfer.number, DONE_NO_MEMORY, transfer.delivered));
        this.host.onNoMemory();
        return;
      }
      if (transfer.initial !== null) memory.set(transfer.initial);
      if (transfer.way === 'pull' ? this.#pull(transfer, memory, counted) : this.#offer(transfer, memory, counted)) {
        return;
      }
    }
  }

  /** One WSPRdmaRead behind the `counted` bytes of the initial portion. False: not this way. */
  #pull(transfer: IncomingTransfer, memory: Uint8Array, counted: number): boolean {
    const call = this.io.extensions.WSPRdmaRead;
    const operation = new RdmaOperation(this, this.io, memory);
    if (call === null || !operation.prepare(MEM_WRITE)) {
      return this.#failed(transfer, 'pull', call === null ? WSAEOPNOTSUPP : operation.error);
    }
    const bytes = memory.length - counted;
    this.#reading = { operation, transfer, bytes, counted };
    const result = operation.start(call, counted, bytes, transfer.descriptor, transfer.received);
    if (result === STARTED) return true;
    this.#reading = null;
    operation.release();
    if (result !== 0 || operation.bytes !== bytes) return this.#failed(transfer, 'pull', result);
    this.#arrived(transfer, memory, bytes, counted);
    return true;
  }

  /** Exposes memory to the sender's WSPRdmaWrite. False: not this way. */
  #offer(transfer: IncomingTransfer, memory: Uint8Array, counted: number): boolean {
    const room = counted === 0 ? memory : memory.subarray(counted);
    const descriptor = this.#exposing.expose(room, MEM_WRITE);
    if (descriptor === null) return this.#failed(transfer, 'push', this.#exposing.error);
    const body = rangeBody(transfer.number, descriptor.length, transfer.received, room.length, descriptor);
    if (body.length > this.send.payloadBytesMax) {
      this.#exposing.conceal(descriptor);
      return this.#failed(transfer, 'push', WSAEOPNOTSUPP);
    }
    this.#target = { descriptor, memory, counted, bytes: room.length };
    this.send.sendControl(MESSAGE_TARGET, body);
    return true;
  }

  /** Asks for the next part in messages. */
  #request(transfer: IncomingTransfer): void {
    const bytes = Math.min(transfer.length - transfer.received, this.partBytesMax);
    transfer.requested = transfer.received + bytes;
    const flags = this.#ways.length === 0 ? BY_MESSAGE_FOR_GOOD : 0;
    this.send.sendControl(MESSAGE_BY_MESSAGE, rangeBody(transfer.number, flags, transfer.received, bytes));
  }

  /** A way does not work: for good if the provider or the system refuse it, else for this transfer. */
  #failed(transfer: IncomingTransfer, way: Way, error: number): false {
    if (error === WSAEOPNOTSUPP || error === WSAEACCES) this.#ways = this.#ways.filter((other) => other !== way);
    const after = way === 'pull' && this.#ways.includes('push') ? 'push' : 'message';
    transfer.way = after;
    for (const other of this.transfers) if (!this.#ways.includes(other.way)) other.way = after;
    return false;
  }

  #arrived(transfer: IncomingTransfer, memory: Uint8Array, bytes: number, counted: number): void {
    if (transfer.alone) return; // the same bytes have come, or come, in messages
    transfer.received += bytes;
    transfer.initial = null;
    transfer.ready.push({ memory, counted });
  }

  /** The end of a read that went on for a while. */
  onRdma(operation: RdmaOperation, error: number, bytes: number): void {
    const reading = this.#reading;
    if (reading?.operation !== operation) return;
    this.#reading = null;
    operation.release();
    this.#answerCancel();
    const { transfer } = reading;
    if (!this.transfers.includes(transfer)) return;
    if (error === 0 && bytes === reading.bytes) this.#arrived(transfer, operation.memory, bytes, reading.counted);
    else this.#failed(transfer, 'pull', error);
    this.host.onFetched();
  }

  // ---------------------------------------------------------------- ends

  /** The sender exits: what is under way is of no use any more, the bytes come by themselves. */
  #leaveAlone(transfer: IncomingTransfer): void {
    if (transfer.alone) return;
    for (const other of this.transfers) other.alone = true;
    this.#dropTarget();
  }

  /**
   * The connection is gone, or the sender has cut the stream: it ends inside the first transfer that is not complete.
   * Returns that one, which keeps what is here of it, or null if all are complete.
   */
  cut(): IncomingTransfer | null {
    const first = this.transfers.findIndex(({ received, length }) => received < length);
    if (first < 0) return null;
    this.#dropTarget();
    const transfer = this.transfers[first];
    const { initial, ready } = transfer;
    transfer.length = transfer.received;
    transfer.initial = null;
    if (initial !== null) ready.unshift({ memory: initial, counted: initial.length });
    this.transfers.length = ready.length > 0 ? first + 1 : first;
    return transfer;
  }

  // ---------------------------------------------------------------- suspension (DUP-12, DUP-13)

  /** Whether nothing is being read, nor written by the sender, just now. */
  get rests(): boolean {
    return this.#reading === null && this.#target === null;
  }

  /** The sender's registrations are gone, or its process is: what is not here is asked for in messages, and anew. */
  rest(): void {
    for (const transfer of this.transfers) {
      transfer.way = 'message';
      transfer.requested = transfer.received;
    }
  }

  /** A transfer that another process had begun to fetch. */
  restore(state: IncomingState): IncomingTransfer {
    const { number, length, received, delivered, initial, ready } = state;
    const transfer = new IncomingTransfer(number, length, GONE, initial, 'message');
    transfer.received = received;
    transfer.requested = received;
    transfer.delivered = delivered;
    transfer.ready.push(...ready);
    this.transfers.push(transfer);
    return transfer;
  }

  /** The connection is gone: nothing is fetched, and nobody told, any more. */
  end(): void {
    this.#over = true;
    this.#dropTarget();
  }

  #dropTarget(): void {
    if (this.#target === null) return;
    this.#exposing.conceal(this.#target.descriptor);
    this.#target = null;
  }
}

/** Uninitialised memory for `bytes`, or for less where so much cannot be had, and for `more` in any case. */
function allocate(bytes: number, more: number): Uint8Array | null {
  for (let size = bytes; ; size = Math.max(FETCH_BYTES_MIN, size >>> 1)) {
    try {
      return ownMemory(size + more);
    } catch {
      if (size <= FETCH_BYTES_MIN) return null;
    }
  }
}
