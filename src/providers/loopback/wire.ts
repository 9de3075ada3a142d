/**
 * One direction of a connection: the send queue of one end and what the transport makes of it. Requests take effect in
 * the order of posting, one after the other, so a send is fenced behind an earlier `WSPRdmaRead` (OBS-13). They end
 * later, also in that order, each in a callback of its own time.
 *
 *     WSPSend, WSPRdmaRead, WSPRdmaWrite ──► queue ──step──► the other end ──► finished ──tell──► completion
 */
import { FD_CONNECT_BIT, MEM_READ, MEM_WRITE, WSAECONNABORTED, WSAECONNRESET, WSAEFAULT } from '../../spi/index.js';
import { type WSABUF, type WSAOVERLAPPED, wantsNotification } from '../../spi/index.js';
import { finish, gather, scatter } from './completion.js';
import { arrive, flushReceives } from './receiving.js';
import type { Piece } from './registration.js';
import type { Finished, LoopbackSocket } from './socket-record.js';

/** An entry of the send queue. */
export interface WorkRequest {
  readonly kind: 'send' | 'read' | 'write' | 'accept' | 'close';
  /** Local memory; none if `message` has the bytes. */
  readonly pieces: readonly Piece[];
  /** A copy that was made when it was posted (owned receive), or the connect data of an acceptance. */
  readonly message: Uint8Array | null;
  readonly bytes: number;
  /** Null: nobody waits for its end. */
  readonly overlapped: WSAOVERLAPPED | null;
  /** RDMA: the peer's descriptor and the byte to begin at. */
  readonly descriptor: Uint8Array | null;
  readonly targetOffset: number;
}

/** A message that waits for room in the queue, for a provider that takes any memory (owned receive). */
interface Waiting {
  readonly buffers: readonly WSABUF[];
  readonly count: number;
  readonly bytes: number;
  readonly overlapped: WSAOVERLAPPED;
}

/** Requests, or completions, that one step handles at most. */
const BATCH = 16;
const NO_PIECES: readonly Piece[] = [];

export class Wire {
  readonly from: LoopbackSocket;
  readonly to: LoopbackSocket;
  #queue: WorkRequest[] = [];
  #finished: Finished[] = [];
  #waiting: Waiting[] = [];
  #stepping = false;
  #telling = false;
  /** When the next step is due, on the scheduler's clock. */
  #due = 0;

  constructor(from: LoopbackSocket, to: LoopbackSocket) {
    this.from = from;
    this.to = to;
  }

  /** Requests whose owner has not been told of their end. */
  get requests(): number {
    return (
      this.#queue.filter(({ overlapped }) => overlapped !== null).length + this.#finished.length + this.#waiting.length
    );
  }

  /** Whether the send queue has no place (OBS-15). An entry keeps its place until it has ended. */
  get full(): boolean {
    return this.#queue.length + this.#finished.length >= this.from.instance.settings.queueDepth;
  }

  post(request: WorkRequest): void {
    this.#queue.push(request);
    this.#arm();
  }

  /** Owned receive: takes a message over until there is room for it. */
  wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  #arm(): void {
    if (this.#stepping || this.#queue.length === 0) return;
    this.#stepping = true;
    const { scheduler, random, faults } = this.from.instance.network;
    const ticks = random.below(faults.delayTicksMax + 1);
    this.#due = scheduler.now() + ticks;
    scheduler.schedule(step, this, ticks);
  }

  /** For the scheduler. */
  step(): void {
    this.#stepping = false;
    const { network } = this.from.instance;
    const batch = network.faults.delayTicksMax > 0 ? 1 + network.random.below(4) : BATCH;
    for (let i = 0; i < batch && this.#queue.length > 0; i++) this.#execute();
    this.#arm();
    this.#armTell();
  }

  /**
   * Looks at the transport once, from inside WSPGetOverlappedResult (OBS-17): the oldest request takes effect if its
   * time has come, and polled operations that have ended show it. Nobody is notified from in here.
   */
  poll(): void {
    const { scheduler } = this.from.instance.network;
    if (this.#stepping && this.#queue.length > 0 && this.#due <= scheduler.now()) this.#execute();
    const polled = this.#finished.filter(({ overlapped }) => !wantsNotification(overlapped));
    this.#finished = this.#finished.filter(({ overlapped }) => wantsNotification(overlapped));
    for (const finished of polled) finish(this.from, finished);
  }

  #execute(): void {
    const { network, settings } = this.from.instance;
    const isNic = !settings.ownsReceiveBuffers && !this.to.instance.settings.ownsReceiveBuffers;
    if (isNic && this.from.state === 'connected' && network.random.chance(network.faults.connectionLost)) {
      this.breakOff();
      return;
    }
    const request = this.#queue.shift();
    if (request === undefined) return;
    const error = this.#effect(request);
    const { overlapped, pieces, bytes } = request;
    if (overlapped !== null) this.#finished.push({ pieces, overlapped, error, bytes: error === 0 ? bytes : 0 });
    this.#admit();
  }

  /** What a request does at the other end; 0 or the code it ends with. */
  #effect(request: WorkRequest): number {
    const { kind, pieces, bytes } = request;
    const { from, to } = this;
    if (kind === 'close') {
      if (to.state === 'connected') lose(to, WSAECONNRESET, from.instance.crashed);
      return 0;
    }
    if (kind === 'accept') {
      this.#accepted(request.message ?? new Uint8Array(0));
      return 0;
    }
    if (to.state !== 'connected' || to.peer !== from) return WSAECONNRESET;
    if (kind === 'send') {
      const message = request.message ?? gather(pieces, bytes);
      if (message === null) return WSAEFAULT;
      arrive(to, message);
      return 0;
    }
    return kind === 'read' ? this.#read(request) : this.#write(request);
  }

  #read(request: WorkRequest): number {
    const source = this.#target(request, MEM_READ);
    if (source === null) return WSAEFAULT;
    const bytes = gather([source], request.bytes);
    return bytes === null || scatter(bytes, request.pieces) < 0 ? WSAEFAULT : 0;
  }

  #write(request: WorkRequest): number {
    const target = this.#target(request, MEM_WRITE);
    const bytes = target === null ? null : gather(request.pieces, request.bytes);
    return bytes === null || target === null || scatter(bytes, [target]) < 0 ? WSAEFAULT : 0;
  }

  /** The peer's memory that a descriptor names: only what is registered there, for this connection and this use (MEM-7…10). */
  #target({ descriptor, targetOffset, bytes }: WorkRequest, rights: number): Piece | null {
    const registration = descriptor === null ? null : this.to.memory.exposed(descriptor, descriptor.length);
    if (registration === null || (registration.rights & rights) === 0) return null;
    if (!(targetOffset >= 0) || targetOffset + bytes > registration.source.bytes) return null;
    return { registration, offset: targetOffset, bytes };
  }

  /** The acceptance has reached the connector. */
  #accepted(data: Uint8Array): void {
    const { from: acceptor, to: connector } = this;
    if (connector.state !== 'connecting') {
      if (acceptor.state === 'connected') lose(acceptor, WSAECONNRESET, false);
      return;
    }
    connector.state = 'connected';
    connector.request = null;
    connector.peer = acceptor;
    connector.since = connector.instance.network.scheduler.now();
    connector.out = new Wire(connector, acceptor);
    fillCalleeData(connector, data);
    connector.instance.signal(connector, FD_CONNECT_BIT, 0);
  }

  /** Messages that wait for room go into the queue as it has some; their memory is free from then on. */
  #admit(): void {
    while (this.#waiting.length > 0 && !this.full) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      const { bytes, overlapped } = waiting;
      this.post(messageRequest(joined(waiting.buffers, waiting.count, bytes)));
      this.#finished.push({ pieces: NO_PIECES, overlapped, error: 0, bytes });
    }
  }

  /** The process exits (D7): what waits goes into the queue, whatever its depth. Its owner will not ask any more. */
  admitAll(): void {
    for (const { buffers, count, bytes } of this.#waiting.splice(0))
      this.post(messageRequest(joined(buffers, count, bytes)));
  }

  #armTell(): void {
    if (this.#telling || this.#finished.length === 0) return;
    this.#telling = true;
    this.from.instance.network.later(tell, this);
  }

  /** For the scheduler. */
  tell(): void {
    this.#telling = false;
    const { network } = this.from.instance;
    let budget = network.faults.delayTicksMax > 0 ? 1 + network.random.below(4) : BATCH;
    try {
      for (; budget > 0; budget--) {
        const first = this.#finished.shift();
        if (first === undefined) break;
        finish(this.from, first);
      }
    } finally {
      this.#admit(); // whose end has been told has left its place
      this.#armTell();
    }
  }

  /** The connection is gone: what has not taken effect ends with the code. */
  fail(error: number): void {
    for (const { pieces, overlapped } of this.#queue.splice(0)) {
      if (overlapped !== null) this.#finished.push({ pieces, overlapped, error, bytes: 0 });
    }
    for (const { overlapped } of this.#waiting.splice(0)) {
      this.#finished.push({ pieces: NO_PIECES, overlapped, error, bytes: 0 });
    }
    this.#armTell();
  }

  /** The transport gives the connection up: both ends lose it. */
  breakOff(): void {
    for (const end of [this.from, this.to]) if (end.state === 'connected') lose(end, WSAECONNABORTED, false);
  }

  /**
   * The end hangs up. What had been accepted with success goes out before that; of a NIC's queue only an acceptance is
   * kept. The operations that have not ended are the caller's to end.
   */
  hangUp(): Finished[] {
    const kept = this.#queue.filter(
      ({ overlapped, kind }) => kind === 'accept' || (kind === 'send' && overlapped === null),
    );
    const ended = this.#finished.splice(0);
    for (const { pieces, overlapped } of this.#queue) {
      if (overlapped !== null) ended.push({ pieces, overlapped, error: 0, bytes: 0 });
    }
    for (const { overlapped } of this.#waiting.splice(0))
      ended.push({ pieces: NO_PIECES, overlapped, error: 0, bytes: 0 });
    this.#queue = kept;
    this.post({
      kind: 'close',
      pieces: NO_PIECES,
      message: null,
      bytes: 0,
      overlapped: null,
      descriptor: null,
      targetOffset: 0,
    });
    return ended;
  }
}

/** A connected end has lost its connection. The record stays until the switch closes it (CLOSE-7). */
export function lose(socket: LoopbackSocket, error: number, died: boolean): void {
  socket.state = 'disconnected';
  socket.lost = error;
  socket.peerDied = died;
  socket.out?.fail(error);
  flushReceives(socket, error);
}

/** Callee data of an answer, for the switch. */
export function fillCalleeData(socket: LoopbackSocket, data: Uint8Array): void {
  const into = socket.calleeData;
  socket.calleeData = null;
  if (into === null) return;
  const bytes = Math.min(into.len, data.length);
  into.buf.set(data.subarray(0, bytes));
  into.len = bytes;
}

/** A message whose bytes are the provider's own already. */
export function messageRequest(message: Uint8Array): WorkRequest {
  const { length: bytes } = message;
  return { kind: 'send', pieces: NO_PIECES, message, bytes, overlapped: null, descriptor: null, targetOffset: 0 };
}

/** The bytes of buffers that need not be registered, copied. */
export function joined(buffers: readonly WSABUF[], count: number, bytes: number): Uint8Array {
  const message = new Uint8Array(bytes);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const { buf, len } = buffers[i];
    message.set(buf.subarray(0, len), at);
    at += len;
  }
  return message;
}

function step(wire: Wire): void {
  wire.step();
}

function tell(wire: Wire): void {
  wire.tell();
}
