/** A socket whose every event and state is recorded, and that does what the steps of a program say. */
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { contentOf } from './content.js';
import type { Form, Glance, Reading, Step } from './program.js';
import { describeError, Track } from './track.js';

const PLAIN_EVENTS = ['connect', 'ready', 'end', 'finish', 'drain', 'timeout', 'pause', 'resume', 'pipe', 'unpipe'];
/** A time limit that is meant to be met, and one that is not. Milliseconds. */
const SOON = 15;
const NEVER = 600_000;
/** Numbers that a socket's state may hold and that differ from run to run; the driver knows which port is which. */
export const port = (number: number | undefined): string => (number === undefined ? '-' : `@${number}`);

/** What is not in the types of every version of Node that the tests run on. */
type Inner = Socket & {
  readonly readableAborted: boolean;
  readonly readableDidRead: boolean;
  readonly errored: Error | null;
  readonly _bytesDispatched?: number;
  readonly _handle: { hasRef?(): boolean; reading?: boolean } | null;
};

export class Watched {
  readonly track = new Track();
  localPort = 0;
  remotePort = 0;
  socket: Socket;
  controller: AbortController | null = null;
  /** Set by the program's own onread option. */
  onread = false;
  #reading: Reading = 'idle';
  #ended = false;
  #failed = false;
  #finished = false;
  #closed = false;
  #awaitsTimeout = false;
  #breaking = false;
  #position: number;
  #writes = 0;
  readonly #onData = (chunk: Uint8Array | string): void => this.track.take('data', chunk);

  constructor(
    readonly name: string,
    socket: Socket,
    onClosed: () => void = () => undefined,
  ) {
    this.socket = socket;
    this.#position = name.charCodeAt(0) * 7919 + Number(name.slice(1)) * 104_729;
    this.#listen(onClosed);
  }

  #listen(onClosed: () => void): void {
    const { socket, track } = this;
    for (const event of PLAIN_EVENTS) {
      socket.on(event, () => {
        if (event === 'connect') this.noteNames();
        if (event === 'end') this.#ended = true;
        if (event === 'finish') this.#finished = true;
        track.note(event);
        if (event !== 'timeout') return;
        this.#awaitsTimeout = false;
        // A second one would come when it likes.
        socket.setTimeout(0);
      });
    }
    socket.on('lookup', (error: Error | null, address: string, family: number | string, host: string) =>
      track.note(`lookup ${error === null ? 'ok' : describeError(error)} ${address} ${family} ${host}`),
    );
    socket.on('connectionAttempt', (address: string, number: number, family: number) =>
      track.note(`connectionAttempt ${address} ${port(number)} ${family}`),
    );
    socket.on('connectionAttemptFailed', (address: string, number: number, family: number, error: Error) =>
      track.note(`connectionAttemptFailed ${address} ${port(number)} ${family} ${describeError(error)}`),
    );
    socket.on('error', (error) => {
      this.#failed = true;
      track.note(`error ${describeError(error)}`);
    });
    socket.on('close', (hadError: boolean) => {
      this.#closed = true;
      this.#awaitsTimeout = false;
      track.note(`close ${hadError}`);
      onClosed();
    });
  }

  /** For who pairs the two ends of a connection. */
  noteNames(): void {
    this.localPort = this.socket.localPort ?? 0;
    this.remotePort = this.socket.remotePort ?? 0;
  }

  /** The socket was closed and connects again. */
  beginAgain(): void {
    this.#ended = this.#failed = this.#finished = this.#closed = false;
    this.track.note('again');
  }

  // ---------------------------------------------------------------- reading

  startReading(reading: Reading): void {
    const { socket, track } = this;
    this.#reading = reading;
    switch (reading) {
      case 'flow':
        socket.on('data', this.#onData);
        break;
      case 'readable':
        socket.on('readable', () => {
          track.burst('readable', 0);
          for (let chunk = this.#read(); chunk !== null; chunk = this.#read()) track.take('read', chunk);
        });
        break;
      case 'iterate':
        void this.#iterate();
        break;
      case 'pipe':
        socket.pipe(this.#sink());
        break;
      case 'echo':
        socket.pipe(socket);
        break;
      case 'idle':
        break;
    }
  }

  #read(): Uint8Array | string | null {
    return this.socket.read() as Uint8Array | string | null;
  }

  #sink(): Writable {
    const sink = new Writable({
      decodeStrings: false,
      write: (chunk: Uint8Array | string, _encoding, done) => {
        this.track.take('piped', chunk);
        done();
      },
    });
    for (const event of ['finish', 'close', 'unpipe']) sink.on(event, () => this.track.note(`sink ${event}`));
    return sink;
  }

  async #iterate(): Promise<void> {
    const { track } = this;
    try {
      for await (const chunk of this.socket as AsyncIterable<Uint8Array | string>) {
        track.take('iterated', chunk);
        if (this.#breaking) break;
      }
      track.note('iteration over');
    } catch (error) {
      track.note(`iteration failed ${describeError(error)}`);
    }
  }

  /** The `onread` option's. */
  readonly onChunk = (bytes: number, buffer: Uint8Array): boolean => {
    this.track.take('onread', buffer.subarray(0, bytes));
    return true;
  };

  // ---------------------------------------------------------------- steps

  /** Does one step; what it throws is part of the record. */
  perform(step: Step): void {
    try {
      const answer = this.#do(step);
      if (answer !== undefined) this.track.note(`${step.do} = ${String(answer)}`);
      else this.track.note(step.do);
    } catch (error) {
      this.track.note(`${step.do} threw ${describeError(error)}`);
    }
  }

  #do(step: Step): string | boolean | undefined {
    const { socket } = this;
    switch (step.do) {
      case 'write':
        return this.#write(step.bytes, step.form);
      case 'end':
        this.#end(step.bytes);
        return undefined;
      case 'cork':
        socket.cork();
        return undefined;
      case 'uncork':
        socket.uncork();
        return undefined;
      case 'pause':
        socket.pause();
        return undefined;
      case 'resume':
        socket.resume();
        return undefined;
      case 'destroy':
        socket.destroy();
        return undefined;
      case 'destroy-error':
        socket.destroy(new Error('on purpose'));
        return undefined;
      case 'destroy-soon':
        socket.destroySoon();
        return undefined;
      case 'reset':
        socket.resetAndDestroy();
        return undefined;
      case 'abort':
        this.controller?.abort();
        return undefined;
      case 'ref':
        socket.ref();
        return undefined;
      case 'unref':
        socket.unref();
        return undefined;
      case 'no-delay':
        socket.setNoDelay(true);
        return undefined;
      case 'keep-alive':
        socket.setKeepAlive(true, 1000);
        return undefined;
      case 'time-out':
        this.#awaitsTimeout = !socket.destroyed;
        socket.setTimeout(SOON);
        return undefined;
      case 'time-limit':
        socket.setTimeout(NEVER);
        return undefined;
      case 'no-time-limit':
        socket.setTimeout(0);
        return undefined;
      case 'break':
        this.#breaking = true;
        return undefined;
      case 'unpipe':
        socket.unpipe();
        return undefined;
      case 'add-data':
        if (!socket.listeners('data').includes(this.#onData)) socket.on('data', this.#onData);
        return undefined;
      case 'remove-data':
        socket.off('data', this.#onData);
        return undefined;
      case 'read':
        return this.#readSome(step.bytes);
      case 'set-encoding':
        socket.setEncoding(step.encoding);
        return undefined;
      case 'start-reading':
        this.startReading(step.reading);
        return undefined;
      default:
        throw new Error(`no step of a socket: ${step.do}`);
    }
  }

  #write(bytes: number, form: Form): boolean {
    const number = this.#writes++;
    const { chunk, encoding } = contentOf(form, bytes, this.#position);
    this.#position += bytes;
    return this.socket.write(chunk, encoding, (error) => this.#written(number, error));
  }

  #end(bytes: number): void {
    const number = this.#writes++;
    const done = (error?: Error | null): void => this.#written(number, error);
    if (bytes === 0) this.socket.end(done);
    else this.socket.end(contentOf('buffer', bytes, this.#position).chunk, done);
    this.#position += bytes;
  }

  #written(number: number, error: Error | null | undefined): void {
    this.track.note(`written ${number}${error === null || error === undefined ? '' : ` ${describeError(error)}`}`);
  }

  #readSome(bytes: number): string {
    const chunk = this.socket.read(bytes === 0 ? undefined : bytes) as Uint8Array | string | null;
    if (chunk === null) return 'null';
    this.track.take('read', chunk);
    return `${chunk.length}`;
  }

  // ---------------------------------------------------------------- how it is

  /** Whether whatever comes is taken at once. */
  get #takes(): boolean {
    const { socket } = this;
    if (socket.destroyed || this.#closed) return false;
    if (this.onread) return (socket as Inner)._handle?.reading === true;
    if (this.#reading === 'readable' || this.#reading === 'iterate') return true;
    return socket.readableFlowing === true;
  }

  glance(): Glance {
    const { socket } = this;
    return {
      name: this.name,
      localPort: this.localPort,
      remotePort: this.remotePort,
      connecting: socket.connecting,
      reading: this.#takes,
      open: !socket.destroyed && (socket as Inner)._handle?.reading === true,
      buffered: socket.readableLength,
      over: this.#ended || this.#failed || this.#closed,
      received: socket.bytesRead,
      // Not of `bytesWritten` and `writableLength`: one counts bytes of strings, the other characters.
      sent: (socket as Inner)._bytesDispatched ?? 0,
      corked: socket.writableCorked > 0,
      queued: socket.writableLength,
      ending: socket.writableEnded,
      finished: this.#finished,
      destroyed: socket.destroyed,
      closed: this.#closed,
      awaitsTimeout: this.#awaitsTimeout,
    };
  }

  /** Everything that a program can ask its socket for. */
  state(): string {
    const socket = this.socket as Inner;
    const address = socket.address() as { address?: string; family?: string; port?: number };
    // How much was read before reading stopped for being enough depends on how the bytes came in chunks.
    const enough = socket.readableLength >= socket.readableHighWaterMark && socket.readableFlowing !== true;
    const counts = socket.eventNames().map((name) => `${String(name)}*${socket.listenerCount(name)}`);
    const parts = {
      readyState: socket.readyState,
      pending: socket.pending,
      connecting: socket.connecting,
      destroyed: socket.destroyed,
      closed: socket.closed,
      errored: socket.errored === null ? '-' : ((socket.errored as NodeJS.ErrnoException).code ?? socket.errored.name),
      readable: socket.readable,
      readableFlowing: socket.readableFlowing,
      readableEnded: socket.readableEnded,
      readableAborted: socket.readableAborted,
      readableDidRead: socket.readableDidRead,
      readableLength: enough ? 'enough' : socket.readableLength,
      isPaused: socket.isPaused(),
      writable: socket.writable,
      writableEnded: socket.writableEnded,
      writableFinished: socket.writableFinished,
      writableLength: socket.writableLength,
      writableCorked: socket.writableCorked,
      writableNeedDrain: socket.writableNeedDrain,
      bytesRead: enough ? 'enough' : socket.bytesRead,
      bytesWritten: socket.bytesWritten,
      allowHalfOpen: socket.allowHalfOpen,
      timeout: socket.timeout,
      handle: socket._handle === null ? 'none' : `${socket._handle.hasRef?.()}`,
      address: `${address.address} ${address.family} ${port(address.port)}`,
      local: `${socket.localAddress} ${socket.localFamily} ${port(socket.localPort)}`,
      remote: `${socket.remoteAddress} ${socket.remoteFamily} ${port(socket.remotePort)}`,
      listeners: counts.sort().join(','),
    };
    return Object.entries(parts)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(' ');
  }
}
