/**
 * The sending side of large transfers: buffers that were announced to the peer and are lent to it until it says that it
 * has them (XFER-6 … XFER-9, XFER-11 … XFER-14). The messages themselves are sent by send-side.ts, in stream order.
 */
import { MEM_READ, WSAEOPNOTSUPP } from '../../spi/index.js';
import type { SendSide } from '../send-side.js';
import type { SessionIo } from '../types.js';
import { MESSAGE_SOURCE_CANCEL, MESSAGE_TARGET_DONE } from '../wire.js';
import { TRANSFERS_MAX } from './limits.js';
import { DONE_ALL, DONE_CANCELLED, DONE_NO_MEMORY, DONE_SO_FAR, headBody } from './messages.js';
import { RdmaOperation, type RdmaOwner, STARTED } from './operations.js';
import { Exposing } from './registering.js';

/** How large writes go from here: read by the peer, written by us, or in messages. */
export type TransferWay = 'pull' | 'push' | 'copy';

/** One buffer, or the rest of one, that the peer may read. */
export class OutgoingTransfer {
  readonly length: number;
  /** The peer's program has this much. */
  confirmed = 0;
  /** By message: the peer wants the bytes from here … */
  pieceAt = 0;
  /** … up to here. */
  pieceEnd = 0;

  constructor(
    readonly number: number,
    readonly memory: Uint8Array,
    public descriptor: Uint8Array,
  ) {
    this.length = memory.length;
  }
}

/** A part that is being written to the peer's memory. */
interface Push {
  readonly operation: RdmaOperation;
  readonly transfer: OutgoingTransfer;
  readonly descriptor: Uint8Array;
  /** Of the transfer. */
  readonly offset: number;
  readonly bytes: number;
  done: number;
}

const GONE = new Uint8Array(0);

/** An announced buffer that goes to another process: the peer has it up to `confirmed`, `rest` is what follows. */
export interface OutgoingState {
  readonly number: number;
  readonly length: number;
  readonly confirmed: number;
  readonly rest: Uint8Array;
}

/** What the sending side tells its session. */
export interface OutgoingHost {
  /** The peer has no memory for a transfer: the pending write fails, and the stream with it (XFER-15). */
  onPeerNoMemory(): void;
  /** A write to the peer's memory is over: what waited for that may go on. Called from inside the provider. */
  onPushed(): void;
  /** After a cancel: no buffer is lent any more. */
  onReturned(): void;
}

export class Outgoing implements RdmaOwner {
  /** Oldest first. */
  readonly transfers: OutgoingTransfer[] = [];
  /** How large writes travel from now on. */
  way: TransferWay;
  /** The stream was cut: `wanted` waits for a write to the peer's memory, then the message goes. */
  #cancel: 'no' | 'wanted' | 'sent' = 'no';
  #lastNumber = 0;
  #push: Push | null = null;
  readonly #exposing: Exposing;

  constructor(
    readonly io: SessionIo,
    readonly send: SendSide,
    readonly host: OutgoingHost,
    /** Most bytes of one RDMA call (XFER-3). */
    readonly rdmaBytesMax: number,
    way: TransferWay,
    readonly canPush: boolean,
  ) {
    this.way = way;
    this.#exposing = new Exposing(io.s, io.extensions);
  }

  /** Bytes that are announced, and that the peer's program does not have yet. */
  get lentBytes(): number {
    let bytes = 0;
    for (const { length, confirmed } of this.transfers) bytes += length - confirmed;
    return bytes;
  }

  /** Whether a cancel is still to be sent, which the FIN has to wait for. */
  get cancelWaits(): boolean {
    return this.#cancel === 'wanted';
  }

  /** Whether the peer may still be reading a buffer, or we be writing from one. */
  get lending(): boolean {
    return this.transfers.length > 0 || this.#push !== null;
  }

  /** The oldest transfer of which a part is to go in messages, if any. */
  get inPieces(): OutgoingTransfer | null {
    if (this.#cancel !== 'no') return null;
    return this.transfers.find(({ pieceAt, pieceEnd }) => pieceAt < pieceEnd) ?? null;
  }

  /** The process exits: what the peer does not have goes in messages, without being asked for (D7). */
  beginExit(): void {
    this.#push = null; // nothing more will be heard of it
    for (const transfer of this.transfers) {
      transfer.pieceAt = Math.max(transfer.pieceAt, transfer.confirmed);
      transfer.pieceEnd = transfer.length;
    }
  }

  /** Whether another transfer may be announced now. */
  get hasRoom(): boolean {
    return this.transfers.length < TRANSFERS_MAX;
  }

  /** Lets the peer read `memory` (XFER-6). Null: it cannot be registered; it is to be sent in messages. */
  lend(memory: Uint8Array): OutgoingTransfer | null {
    const descriptor = this.#exposing.expose(memory, MEM_READ);
    return descriptor === null ? null : new OutgoingTransfer(this.#lastNumber + 1, memory, descriptor);
  }

  /** It was announced. */
  lent(transfer: OutgoingTransfer): void {
    this.#lastNumber = transfer.number;
    this.transfers.push(transfer);
  }

  /** It was not announced after all. */
  takeBack({ descriptor }: OutgoingTransfer): void {
    if (descriptor.length > 0) this.#exposing.conceal(descriptor);
  }

  // ---------------------------------------------------------------- suspension (DUP-12 … DUP-14)

  /** Whether no write to the peer's memory is under way, nor a cancel. */
  get rests(): boolean {
    return this.#push === null && (this.#cancel === 'no' || (this.#cancel === 'sent' && this.transfers.length === 0));
  }

  /** All RDMA memory is released; the peer will ask for the rest in messages, and anew. */
  rest(): void {
    for (const transfer of this.transfers) {
      this.takeBack(transfer);
      transfer.descriptor = GONE;
      transfer.pieceAt = 0;
      transfer.pieceEnd = 0;
    }
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** What another process had announced; `memory` is all of each, of which the part before `confirmed` is not looked at. */
  restore(transfers: readonly OutgoingState[], lastNumber: number): void {
    this.#lastNumber = lastNumber;
    for (const { number, length, confirmed, rest } of transfers) {
      const memory = new Uint8Array(length);
      memory.set(rest, confirmed);
      const transfer = new OutgoingTransfer(number, memory, GONE);
      transfer.confirmed = confirmed;
      this.transfers.push(transfer);
    }
  }

  // ---------------------------------------------------------------- what the receiver says

  /** SOURCE_DONE. A string tells what is wrong with it. */
  onDone(number: number, state: number, offset: number): string | null {
    if (state === DONE_CANCELLED) {
      if (this.#cancel !== 'sent') return 'an answer to a cancel that was not sent';
      this.#return();
      return null;
    }
    const transfer = this.transfers.at(0);
    if (transfer === undefined) return number <= this.#lastNumber ? null : `word of transfer ${number}`;
    if (transfer.number !== number) return `word of transfer ${number} out of turn`;
    if (offset < transfer.confirmed || offset > transfer.length) return 'a transfer that is further than its end';
    transfer.confirmed = offset;
    if (state === DONE_ALL) {
      if (offset !== transfer.length) return 'a transfer that is done before its end';
      if (this.#push?.transfer === transfer) return 'a transfer that is done while it is written';
      this.takeBack(transfer);
      this.transfers.shift();
      if (this.#cancel !== 'no' && !this.lending) this.host.onReturned();
    } else if (state === DONE_NO_MEMORY) {
      this.drop();
      this.host.onPeerNoMemory();
    } else if (state !== DONE_SO_FAR) return `word ${state} of a transfer`;
    return null;
  }

  /** TARGET: the receiver wants a part written (XFER-10, XFER-11). A string tells what is wrong with it. */
  onTarget(number: number, offset: number, bytes: number, descriptor: Uint8Array): string | null {
    const transfer = this.#find(number);
    if (typeof transfer === 'string') return transfer;
    if (!this.canPush) return 'a target, although we do not write';
    if (this.#push !== null) return 'a second target';
    if (bytes <= 0 || offset < transfer.confirmed || offset + bytes > transfer.length) return 'a target out of range';
    if (this.#cancel !== 'no') return null; // the cancel says all
    if (this.way === 'pull') this.way = 'push';
    transfer.confirmed = offset;
    // Memory may be gone: detached, or a resizable buffer shrunk.
    const there = transfer.memory.length === transfer.length;
    const operation = new RdmaOperation(this, this.io, there ? transfer.memory.subarray(offset, offset + bytes) : GONE);
    this.#push = { operation, transfer, descriptor, offset, bytes, done: 0 };
    if (!there || !operation.prepare(MEM_READ)) this.#pushed(operation.error || WSAEOPNOTSUPP);
    else this.#write(this.#push);
    return null;
  }

  /** BY_MESSAGE: the receiver wants a part in messages. A string tells what is wrong with it. */
  onByMessage(number: number, offset: number, bytes: number, forGood: boolean): string | null {
    if (forGood) this.way = 'copy';
    const transfer = this.#find(number);
    if (typeof transfer === 'string') return transfer;
    if (this.#cancel !== 'no') return null;
    if (transfer.pieceAt < transfer.pieceEnd || this.#push?.transfer === transfer) return 'two requests at a time';
    if (bytes <= 0 || offset < transfer.confirmed || offset + bytes > transfer.length) return 'a request out of range';
    transfer.confirmed = offset;
    transfer.pieceAt = offset;
    transfer.pieceEnd = offset + bytes;
    return null;
  }

  #find(number: number): OutgoingTransfer | string {
    return this.transfers.find((known) => known.number === number) ?? `a wish for transfer ${number}`;
  }

  /** Writes what is left of a part, as many calls as it takes (XFER-3, XFER-31). */
  #write(push: Push): void {
    while (push.done < push.bytes) {
      const { operation, descriptor, done } = push;
      const length = Math.min(push.bytes - done, this.rdmaBytesMax);
      const result = operation.start(this.io.extensions.WSPRdmaWrite, done, length, descriptor, done);
      if (result === STARTED) return;
      if (result !== 0) {
        this.#pushed(result);
        return;
      }
      push.done += length;
    }
    this.#pushed(0);
  }

  onRdma(operation: RdmaOperation, error: number, bytes: number): void {
    const push = this.#push;
    if (push?.operation !== operation) {
      operation.release(); // dropped while it went on
      return;
    }
    push.done += bytes;
    if (error !== 0 || bytes === 0) this.#pushed(error === 0 ? WSAEOPNOTSUPP : error);
    else this.#write(push);
    this.host.onPushed();
  }

  #pushed(error: number): void {
    const push = this.#push;
    if (push === null) return;
    this.#push = null;
    push.operation.release();
    this.send.sendControl(MESSAGE_TARGET_DONE, headBody(push.transfer.number, error, push.offset));
    if (this.#cancel === 'wanted') this.#sendCancel();
  }

  // ---------------------------------------------------------------- ends

  /** The program has closed its socket: the stream is cut where the peer is. `onReturned` follows (BLOCK-5). */
  cancel(): void {
    if (this.#cancel !== 'no') return;
    this.#cancel = 'wanted';
    if (this.#push === null) this.#sendCancel();
  }

  #sendCancel(): void {
    this.#cancel = 'sent';
    const number = this.transfers.at(0)?.number ?? this.#lastNumber;
    this.send.sendControl(MESSAGE_SOURCE_CANCEL, headBody(number, 0, 0));
  }

  #return(): void {
    const { lending } = this;
    this.drop();
    if (lending) this.host.onReturned();
  }

  /** The connection is gone, or about to be closed: takes all memory back. */
  drop(): void {
    for (const transfer of this.transfers.splice(0)) this.takeBack(transfer);
    const push = this.#push;
    this.#push = null;
    if (push !== null && !push.operation.busy) push.operation.release();
  }
}
