/**
 * One-sided transfers (XFER-7, XFER-11, XFER-31): reads from and writes to the peer's memory, by this process alone. They
 * run in the event loop, a bounded number of bytes in each turn, so that other connections are served meanwhile; on each
 * socket in the order of the calls, and with them the messages that were sent behind them (OBS-13).
 */
import {
  beginOverlapped,
  WSA_OPERATION_ABORTED,
  type WSABUFEX,
  WSAEACCES,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAEFAULT,
  WSAENOBUFS,
  type WSAOVERLAPPED,
} from '../../spi/index.js';
import type { Descriptor } from './descriptor.js';
import { SEND_DONE, SEND_GONE, SEND_NO_ROOM } from './link.js';
import type { Registration } from './memory.js';
import type { ShmSocket } from './socket-record.js';
import type { ShmState } from './state.js';
import { complete } from './transfer.js';
import type { QueuedRecord } from './transmit-queue.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop a connection. */
const { setImmediate } = globalThis;

/** Most bytes copied in one turn of the event loop: a tenth of a millisecond, or so. */
export const TURN_BYTES = 1024 * 1024;

/** What the addon's errors mean to the switch. */
const CODE_OF: Readonly<Record<number, number>> = {
  1: WSAEACCES, // EPERM
  3: WSAECONNRESET, // ESRCH: the process is gone
  12: WSAENOBUFS, // ENOMEM
  14: WSAEFAULT, // EFAULT: no memory there
  22: WSAEFAULT, // EINVAL: the local buffer was detached or has shrunk, or no such slot
  32: WSAECONNRESET, // EPIPE: the link is over
  38: WSAEACCES, // ENOSYS: a container's filter
  116: WSAECONNABORTED, // ESTALE: taken back
};

/** One WSPRdmaRead, or one WSPRdmaWrite without the peer's help. */
export class Transfer {
  done = 0;
  error = 0;
  /** The buffer that is being filled or emptied, and how far it is. */
  part = 0;
  at = 0;

  constructor(
    readonly socket: ShmSocket,
    readonly writing: boolean,
    readonly overlapped: WSAOVERLAPPED,
    readonly buffers: readonly WSABUFEX[],
    /** The registrations behind the buffers: in use until the end is told (MEM-15). */
    readonly registrations: readonly Registration[],
    readonly target: Descriptor,
    /** From the start of the target, in bytes. */
    readonly offset: number,
    readonly bytes: number,
  ) {}

  get isOver(): boolean {
    return this.error !== 0 || this.done === this.bytes;
  }
}

/** An operation that is over, but the switch does not know yet. */
interface Ending {
  readonly overlapped: WSAOVERLAPPED;
  readonly error: number;
  readonly bytes: number;
  readonly registrations: readonly Registration[];
}

/** What one socket has under way; null in its record while it never had anything. */
export interface SocketTransfers {
  /** In order: the first may be half done. */
  readonly waiting: (Transfer | QueuedRecord)[];
  readonly untold: Ending[];
}

const NOTHING: readonly Registration[] = [];

export class Transfers {
  readonly #state: ShmState;
  /** Sockets that have something waiting; the first is next. */
  #ready: ShmSocket[] = [];
  #scheduled = false;
  /** What may still be copied in this turn. */
  #left = TURN_BYTES;

  constructor(state: ShmState) {
    this.#state = state;
  }

  /** Starts a transfer whose parameters have been checked. A small one is over at once; its end is told later. */
  start(transfer: Transfer): void {
    const { socket, overlapped } = transfer;
    beginOverlapped(overlapped);
    for (const registration of transfer.registrations) registration.uses++;
    const mine = transfersOf(socket);
    this.#schedule();
    if (mine.waiting.length === 0 && transfer.bytes <= this.#left) {
      this.#copy(transfer);
      this.#over(transfer);
    } else this.#wait(socket, transfer);
  }

  /** Whether a message sent now has to wait for transfers before it (OBS-13). */
  isFenced(socket: ShmSocket): boolean {
    return socket.transfers !== null && socket.transfers.waiting.length > 0;
  }

  /** A record that must not overtake what its socket has under way. */
  fence(socket: ShmSocket, record: QueuedRecord): void {
    this.#wait(socket, record);
    this.#schedule();
  }

  #wait(socket: ShmSocket, work: Transfer | QueuedRecord): void {
    const { waiting } = transfersOf(socket);
    waiting.push(work);
    if (waiting.length === 1) this.#ready.push(socket);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(turn, this);
  }

  /** For `setImmediate`: as much as a turn may have, one piece of each socket after the other. */
  turn(): void {
    this.#scheduled = false;
    this.#left = TURN_BYTES;
    while (this.#left > 0) {
      const socket = this.#ready.shift();
      if (socket === undefined) return;
      this.#work(socket);
      if (this.isFenced(socket)) this.#ready.push(socket);
    }
    if (this.#ready.length > 0) this.#schedule();
  }

  /** What is first on a socket, and the records behind it. */
  #work(socket: ShmSocket): void {
    const { waiting } = transfersOf(socket);
    const first = waiting.at(0);
    if (first instanceof Transfer) {
      this.#copy(first);
      if (!first.isOver) return;
      waiting.shift();
      this.#over(first);
    }
    for (let next = waiting.at(0); next !== undefined && !(next instanceof Transfer); next = waiting.at(0)) {
      waiting.shift();
      this.#send(socket, next, false);
    }
  }

  #send(socket: ShmSocket, record: QueuedRecord, exiting: boolean): void {
    const { link } = socket;
    const { kind, connection, buffers, count, bytes, overlapped, transferred } = record;
    const sent = link === null ? SEND_GONE : link.send(kind, connection, buffers, count, bytes);
    if (sent === SEND_NO_ROOM) link?.enqueue(record);
    else if (overlapped !== null && !exiting) {
      this.end(socket, overlapped, sent === SEND_DONE ? 0 : WSAECONNRESET, transferred);
    }
  }

  /** Copies on, as far as this turn allows. */
  #copy(transfer: Transfer): void {
    const { addon } = this.#state;
    const { socket, target, buffers, writing } = transfer;
    const { slot, generation, address } = target;
    const { link } = socket;
    while (transfer.done < transfer.bytes && this.#left > 0) {
      const { buf, len } = buffers[transfer.part];
      const bytes = Math.min(len - transfer.at, this.#left);
      if (bytes > 0) {
        if (link === null || !link.open) {
          transfer.error = WSAECONNRESET;
          return;
        }
        const there = address + transfer.offset + transfer.done;
        const result = writing
          ? addon.linkWrite(link.id, slot, generation, there, buf, transfer.at, bytes)
          : addon.linkRead(link.id, slot, generation, there, buf, transfer.at, bytes);
        if (result < 0) {
          transfer.error = CODE_OF[-result] ?? WSAEFAULT;
          return;
        }
        transfer.at += bytes;
        transfer.done += bytes;
        this.#left -= bytes;
      }
      if (transfer.at === len) {
        transfer.part++;
        transfer.at = 0;
      }
    }
  }

  #over({ socket, overlapped, error, bytes, registrations }: Transfer): void {
    this.end(socket, overlapped, error, bytes, registrations);
  }

  /** An operation is over; the switch is told in a callback of its own, or before the socket is closed. */
  end(
    socket: ShmSocket,
    overlapped: WSAOVERLAPPED,
    error: number,
    bytes: number,
    registrations: readonly Registration[] = NOTHING,
  ): void {
    const ending = { overlapped, error, bytes, registrations };
    transfersOf(socket).untold.push(ending);
    setImmediate(tell, this, socket, ending);
  }

  /** Tells the switch how an operation ended, unless it knows already. */
  tell(socket: ShmSocket, ending: Ending): void {
    const { untold } = transfersOf(socket);
    const index = untold.indexOf(ending);
    if (index < 0) return;
    untold.splice(index, 1);
    for (const registration of ending.registrations) registration.uses--;
    complete(this.#state, socket, ending.overlapped, ending.error, ending.bytes);
  }

  /** The connection or the socket is gone: everything it has under way ends with `error`, in order (CLOSE-4, MEM-18). */
  abort(socket: ShmSocket, error: number): void {
    if (socket.transfers === null) return;
    const { waiting, untold } = socket.transfers;
    const rest = waiting.splice(0);
    this.#ready = this.#ready.filter((other) => other !== socket);
    if (error === WSA_OPERATION_ABORTED) for (const ending of [...untold]) this.tell(socket, ending);
    for (const work of rest) {
      if (work instanceof Transfer) for (const registration of work.registrations) registration.uses--;
      if (work.overlapped !== null) complete(this.#state, socket, work.overlapped, error, 0);
    }
  }

  /**
   * The process exits, no turn follows, and nobody is told anything (D7): what waits behind transfers is sent, in order. The
   * transfers end: the switch, which never heard that they were done, sends in messages what it still owes.
   */
  endAll(): void {
    for (const socket of this.#ready.splice(0)) {
      for (const work of transfersOf(socket).waiting.splice(0)) {
        if (!(work instanceof Transfer)) this.#send(socket, work, true);
      }
    }
  }
}

function transfersOf(socket: ShmSocket): SocketTransfers {
  return (socket.transfers ??= { waiting: [], untold: [] });
}

function turn(transfers: Transfers): void {
  transfers.turn();
}

function tell(transfers: Transfers, socket: ShmSocket, ending: Ending): void {
  transfers.tell(socket, ending);
}
