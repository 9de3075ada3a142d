/**
 * One end of a simulated connection: a program that writes, pauses, half-closes, resets and closes as its random numbers
 * say, and notes what it is told. What it writes is known by position, so the other end can check every byte.
 */
import type { Random, VirtualScheduler } from '../../src/providers/loopback/index.js';
import type { SessionUser } from '../../src/session/types.js';
import type { SanConnection } from '../../src/switch/connection.js';
import type { SimulatedProcess } from './host.js';
import { WRITE_DONE, WRITE_PENDING } from './virtual.js';

/** Length of the pattern that streams repeat; a prime, so that no buffer or message size divides it. */
const PERIOD = 65_521;
const pattern = Buffer.alloc(PERIOD * 2);
for (let i = 0; i < pattern.length; i++) pattern[i] = Math.imul((i % PERIOD) + 1, 0x9e3779b1) >>> 23;
/** What a buffer is filled with once it is the program's again: bytes that are not the stream's. */
const POISON = 0xa5;

export interface ProgramHost {
  readonly clock: VirtualScheduler;
  readonly random: Random;
  trace(line: string): void;
  fail(what: string): void;
  /** The program has closed its connection, and is not inside any call. */
  onClosed(program: Program): void;
}

export interface Manners {
  /** Things it does before it comes to its end. */
  readonly actions: number;
  readonly bytesMax: number;
  /** Most ticks between two of them. */
  readonly pauseMax: number;
  readonly halfOpen: boolean;
}

/** Writes the stream's bytes from `position` on. */
function fillFrom(position: number, salt: number, into: Uint8Array): void {
  for (let at = 0; at < into.length; ) {
    const from = (position + at + salt) % PERIOD;
    const part = pattern.subarray(from, from + Math.min(PERIOD, into.length - at));
    into.set(part, at);
    at += part.length;
  }
}

/** Whether these are the stream's bytes from `position` on. */
function isStream(position: number, salt: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    const from = (position + at + salt) % PERIOD;
    const length = Math.min(PERIOD, bytes.length - at);
    if (Buffer.compare(pattern.subarray(from, from + length), bytes.subarray(at, at + length)) !== 0) return false;
    at += length;
  }
  return true;
}

export class Program implements SessionUser {
  /** Bytes handed to `write`, and those of writes that ended well. */
  written = 0;
  confirmed = 0;
  received = 0;
  /** What it has done. */
  shut = false;
  closed = false;
  wasReset = false;
  /** It closed with a write that had not ended. */
  droppedWrite = false;
  /** What it was told. */
  ended = false;
  lost = false;
  writeFailed = false;
  shutdownTold = false;
  peer: Program | null = null;
  #pending: Uint8Array[] | null = null;
  #pendingBytes = 0;
  #reading = false;
  #left: number;
  #ticking = false;
  /** It has closed, and its buffers are not its own yet. */
  #lent = false;

  constructor(
    readonly name: string,
    readonly host: SimulatedProcess,
    readonly connection: SanConnection,
    readonly salt: number,
    readonly peerSalt: number,
    readonly manners: Manners,
    readonly world: ProgramHost,
  ) {
    this.#left = manners.actions;
    connection.session.user = this;
    if (world.random.below(5) > 0) this.#read(true);
    this.#tickLater();
  }

  /** Whether nothing more is to be expected of it. */
  get over(): boolean {
    return this.closed || this.host.dead;
  }

  get hasPending(): boolean {
    return this.#pending !== null;
  }

  #note(line: string): void {
    this.world.trace(`${this.world.clock.now()} ${this.name} ${line}`);
  }

  #fail(what: string): void {
    this.world.fail(`${this.name}: ${what}`);
  }

  // ---------------------------------------------------------------- what it does

  #tickLater(): void {
    if (this.#ticking || this.over) return;
    this.#ticking = true;
    this.world.clock.schedule(tick, this, this.world.random.below(this.manners.pauseMax + 1));
  }

  /** For the clock. */
  tick(): void {
    this.#ticking = false;
    if (this.over) return;
    const { random } = this.world;
    if (this.lost || this.writeFailed || (this.ended && this.shut && this.shutdownTold)) {
      this.#close();
      return;
    }
    if (this.#left-- <= 0) {
      // It comes to its end: nothing more to write, and it reads until the other is through.
      this.#read(true);
      if (this.#pending === null) this.#shutdown();
      return;
    }
    const dice = random.below(1000);
    if (dice < 620) this.#write();
    else if (dice < 860) this.#read(!this.#reading);
    else if (dice < 880) this.#shutdown();
    else if (dice < 888) this.#close();
    else if (dice < 894) this.#reset();
    this.#tickLater();
  }

  #write(): void {
    if (this.#pending !== null || this.shut) return;
    const { random } = this.world;
    const count = random.below(4) === 0 ? 1 + random.below(6) : 1;
    const list: Uint8Array[] = [];
    let total = 0;
    for (let i = 0; i < count; i++) {
      const bytes = this.#size();
      const buffer = new Uint8Array(bytes);
      fillFrom(this.written + total, this.salt, buffer);
      list.push(buffer);
      total += bytes;
    }
    this.written += total;
    this.#pending = list;
    this.#pendingBytes = total;
    const { session } = this.connection;
    const result = list.length === 1 ? session.write(list[0]) : session.writev(list, total);
    this.#note(`write ${total} in ${count}: ${result}`);
    if (result === WRITE_PENDING) return;
    this.#takeBack();
    if (result === WRITE_DONE) this.confirmed += total;
    else this.writeFailed = true;
  }

  #size(): number {
    const { random } = this.world;
    const dice = random.below(10);
    if (dice < 4) return random.below(64);
    if (dice < 7) return random.below(Math.min(5000, this.manners.bytesMax));
    return random.below(this.manners.bytesMax);
  }

  /** The buffers are the program's again: it uses them for something else. */
  #takeBack(): void {
    for (const buffer of this.#pending ?? []) buffer.fill(POISON);
    this.#pending = null;
  }

  /** After a close the peer may still be reading them (BLOCK-5): then the session says when they are the program's. */
  #takeBackWhenReturned(): void {
    const { session } = this.connection;
    if (!session.lending) {
      this.#takeBack();
      return;
    }
    this.#lent = true;
    session.onBuffersReturned = () => {
      if (!this.#lent) this.#fail('buffers are returned twice');
      this.#lent = false;
      this.#takeBack();
    };
  }

  #read(on: boolean): void {
    if (on === this.#reading) return;
    this.#reading = on;
    if (on) this.connection.session.startReading();
    else this.connection.session.stopReading();
  }

  #shutdown(): void {
    if (this.shut) return;
    this.shut = true;
    this.#note('shutdown');
    this.connection.session.shutdown();
  }

  #close(): void {
    this.#note('close');
    this.closed = true;
    this.droppedWrite = this.#pending !== null;
    this.connection.session.close();
    this.#takeBackWhenReturned();
    this.world.onClosed(this);
  }

  #reset(): void {
    this.#note('reset');
    this.closed = true;
    this.wasReset = true;
    this.droppedWrite = this.#pending !== null;
    this.connection.session.reset();
    this.#takeBackWhenReturned();
  }

  // ---------------------------------------------------------------- what it is told

  onData(memory: ArrayBuffer, offset: number, length: number): void {
    if (this.host.dead) return;
    if (this.closed) this.#fail('data after it closed');
    if (this.ended || this.lost) this.#fail('data after the end');
    if (!this.#reading) this.#fail('data while it does not read');
    const bytes = new Uint8Array(memory, offset, length);
    if (!isStream(this.received, this.peerSalt, bytes)) {
      this.#fail(`${length} bytes from position ${this.received} on are not the stream’s`);
    }
    this.received += length;
    this.#note(`data ${length}`);
    if (this.peer !== null && this.received > this.peer.written) this.#fail('more bytes than were written');
    if (this.world.random.below(12) === 0) this.#read(false);
    this.#tickLater();
  }

  onEnd(): void {
    if (this.host.dead) return;
    this.#note('end');
    if (this.closed) this.#fail('an end after it closed');
    if (this.ended || this.lost) this.#fail('a second end');
    this.ended = true;
    if (!this.manners.halfOpen && this.#pending === null) this.#shutdown();
    this.#tickLater();
  }

  onReset(error: number): void {
    if (this.host.dead) return;
    this.#note(`lost ${error}`);
    if (this.closed) this.#fail('a loss after it closed');
    if (this.lost) this.#fail('a second loss');
    this.lost = true;
    this.#tickLater();
  }

  onWritten(error: number): void {
    if (this.host.dead) return;
    this.#note(`written ${error}`);
    if (this.closed) this.#fail('a write ended after it closed');
    if (this.#pending === null) this.#fail('the end of a write that is not under way');
    if (error === 0) this.confirmed += this.#pendingBytes;
    else this.writeFailed = true;
    this.#takeBack();
    this.#tickLater();
  }

  onShutdown(error: number): void {
    if (this.host.dead) return;
    this.#note(`shut ${error}`);
    if (this.closed) this.#fail('a shutdown ended after it closed');
    if (!this.shut || this.shutdownTold) this.#fail('the end of a shutdown that is not under way');
    this.shutdownTold = true;
    if (error !== 0) this.writeFailed = true;
    this.#tickLater();
  }

  takeUnsent(): null {
    return null;
  }
}

function tick(program: Program): void {
  program.tick();
}
