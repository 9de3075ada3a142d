/**
 * Makes a random program of a seed. It has an idea of how each end is (in model.ts), so that what happens on TCP is settled
 * by the program alone and not by who is faster: nobody writes much to an end that does not read, and what could meet in
 * the middle is done in rounds of its own.
 */
import { Random } from '../../src/providers/loopback/index.js';
import { type Connection, End } from './model.js';
import type {
  ConnectOptions,
  Form,
  GiveUp,
  Reading,
  Round,
  ServerSpec,
  SocketOptions,
  SocketProgram,
  Step,
} from './program.js';

const FORMS: readonly Form[] = [
  'buffer',
  'buffer',
  'bytes',
  'utf8',
  'utf8',
  'latin1',
  'ascii',
  'utf16le',
  'base64',
  'hex',
];
const READINGS: readonly Reading[] = ['flow', 'flow', 'flow', 'readable', 'iterate', 'pipe', 'echo', 'idle'];
const HOSTS: readonly ConnectOptions['host'][] = ['127.0.0.1', '127.0.0.1', '127.0.0.1', 'localhost', 'lookup', 'none'];
const SIZES = [1, 2, 3, 7, 64, 100, 500, 1000, 1447, 2048, 4000];
const LARGE = [16_383, 16_384, 16_385, 65_536, 65_537, 100_000, 262_144, 300_001, 700_000];
/** Bytes that may wait for an end that does not read: less than any buffer on the way has. */
const UNREAD_MAX = 12_000;
const CONNECTIONS_MAX = 4;

/** What its peer has written in the same turn has reached an end’s kernel, but not an end of the SAN. */
const DESTRUCTION: ReadonlySet<Step['do']> = new Set(['destroy', 'destroy-error', 'destroy-soon', 'reset', 'abort']);

/** Its buffer is full before all has come that may wait for it. */
function isLittle(end: End): boolean {
  return (end.options.highWaterMark ?? UNREAD_MAX) < UNREAD_MAX;
}

class Generator {
  readonly #random: Random;
  readonly #rounds: Round[] = [];
  readonly #connections: Connection[] = [];
  readonly #servers: ServerSpec[] = [];
  readonly #closed = new Set<number>();
  #accepted = 0;

  constructor(readonly seed: number) {
    this.#random = new Random(seed);
    // Neighbouring seeds begin alike.
    this.#random.next();
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)];
  }

  #percent(chance: number): boolean {
    return this.#random.below(100) < chance;
  }

  make(): SocketProgram {
    const servers = this.#percent(85) ? 1 : 2;
    for (let i = 0; i < servers; i++) this.#servers.push(this.#server());
    this.#connect();
    const rounds = 2 + this.#random.below(this.#percent(20) ? 24 : 10);
    for (let i = 0; i < rounds; i++) this.#round();
    if (this.#percent(60)) this.#farewell();
    // Whoever listens may have had it by then, or not: nothing may follow that depends on it.
    else if (this.#percent(25)) {
      this.#separate();
      this.#connect(this.#giveUp('soon'));
    }
    return { name: `seed ${this.seed}`, servers: this.#servers, rounds: this.#rounds };
  }

  // ---------------------------------------------------------------- sockets

  #socketOptions(): SocketOptions {
    return {
      ...(this.#percent(35) ? { allowHalfOpen: true } : {}),
      ...(this.#percent(15) ? { noDelay: true } : {}),
      ...(this.#percent(10) ? { keepAlive: true } : {}),
      ...(this.#percent(15) ? { highWaterMark: this.#one([1, 100, 1000, 20_000, 100_000]) } : {}),
    };
  }

  #server(): ServerSpec {
    const reading = this.#one(READINGS);
    const paused = this.#percent(8);
    return {
      host: this.#one(['127.0.0.1', '127.0.0.1', 'any']),
      options: { ...this.#socketOptions(), ...(paused ? { pauseOnConnect: true } : {}) },
      reading: paused ? 'idle' : reading,
      greeting: this.#percent(25) ? this.#greeting() : [],
      ...(this.#percent(5) ? { maxConnections: 1, dropMaxConnection: true } : {}),
    };
  }

  #greeting(): Step[] {
    const kind = this.#random.below(100);
    if (kind < 45) return [this.#write(this.#one(SIZES))];
    if (kind < 60) return [this.#write(this.#one(SIZES)), { do: 'end', bytes: this.#one([0, 10, 3000]) }];
    if (kind < 70) return [{ do: 'end', bytes: this.#one([0, 1, 500]) }];
    if (kind < 78) return [{ do: 'pause' }];
    if (kind < 84) return [{ do: 'destroy' }];
    // Not a reset: the client may or may not have seen that it is connected.
    return [{ do: 'set-encoding', encoding: this.#one(['hex', 'latin1']) }];
  }

  #connectOptions(): ConnectOptions {
    return {
      ...this.#socketOptions(),
      host: this.#one(HOSTS),
      ...(this.#percent(6) ? { localAddress: this.#one(['127.0.0.1', '127.0.0.2']) } : {}),
      ...(this.#percent(5) ? { timeout: 600_000 } : {}),
      ...(this.#percent(10) ? { signal: true } : {}),
      ...(this.#percent(20) ? { handMade: true } : {}),
    };
  }

  #connect(givenUp: GiveUp | null = null): void {
    const server = this.#random.below(this.#servers.length);
    const nowhere = this.#percent(6);
    let options = this.#connectOptions();
    let reading = this.#one(READINGS);
    // Two ends that send back whatever comes would do so for ever.
    if (reading === 'echo' && this.#servers[server]?.reading === 'echo') reading = 'flow';
    if (this.#percent(8)) {
      options = { ...options, onread: this.#one([1, 100, 4096, 100_000]) };
      reading = 'idle';
    }
    if (nowhere && this.#percent(30)) options = { ...options, host: 'lookup-fails' };
    const early = givenUp?.when === 'now';
    // When a thread has resolved a name is not known.
    if (givenUp !== null) options = { ...options, signal: true, host: this.#one(['127.0.0.1', 'lookup']) };
    const refused = nowhere || early || this.#closed.has(server);
    const name = `c${this.#connections.length}`;
    const then: Step[] = [];
    const made = this.#model(name, server, options, reading, refused);
    // What reaches a socket that is destroyed as soon as it is accepted, or not accepted, comes before or after that.
    const gone = made.server === null || this.#servers[server].greeting.some((own) => own.do === 'destroy');
    if ((!gone || early) && this.#percent(givenUp === null ? 30 : 60)) then.push(...this.#steps(made.client, true));
    const giveUp = givenUp === null ? {} : { giveUp: givenUp };
    const step: Step = { do: 'connect', server: nowhere ? null : server, options, reading, then, ...giveUp };
    // Whether there is room for it must not depend on what else comes to its end just then.
    if (this.#servers[server].maxConnections !== undefined) this.#separate();
    this.#push('client', name, [step]);
    // A name takes time to resolve, and the order in which connections are accepted shall be known.
    if (options.host !== '127.0.0.1' || this.#servers[server].maxConnections !== undefined) this.#separate();
    if (refused || givenUp !== null) made.client.die();
  }

  #giveUp(when: GiveUp['when']): GiveUp {
    return { when, how: this.#one(['destroy', 'destroy-error', 'abort'] as const) };
  }

  #model(name: string, server: number, options: ConnectOptions, reading: Reading, refused: boolean): Connection {
    const spec = this.#servers[server];
    const client = new End('client', name, options.onread === undefined ? reading : 'flow', options);
    const dropped = spec.maxConnections !== undefined && this.#connections.length >= spec.maxConnections;
    const accepted = refused || dropped ? null : new End('server', `s${this.#accepted++}`, spec.reading, spec.options);
    if (dropped) client.die();
    const connection = { client, server: accepted };
    if (accepted !== null) client.meet(accepted);
    this.#connections.push(connection);
    if (accepted !== null) for (const step of spec.greeting) accepted.does(step);
    return connection;
  }

  // ---------------------------------------------------------------- rounds

  #push(side: Round['side'], on: string, steps: readonly Step[]): void {
    if (steps.length === 0) return;
    // What comes in the same turn as a short timeout may reach its end before or, held back by Nagle's algorithm, after it.
    const alone = steps.some((step) => step.do === 'time-out');
    this.#rounds.push({ side, on, steps, ...(this.#percent(15) && !alone ? { together: true } : {}) });
  }

  #round(): void {
    const dice = this.#random.below(100);
    if (dice < 8 && this.#connections.length < CONNECTIONS_MAX) {
      this.#connect(this.#percent(15) ? this.#giveUp('now') : null);
      return;
    }
    if (dice < 10) {
      const server = this.#random.below(this.#servers.length);
      this.#closed.add(server);
      this.#push('server', `server${server}`, [{ do: 'close-server' }]);
      return;
    }
    const { client, server } = this.#one(this.#connections);
    const end = server !== null && this.#percent(50) ? server : client;
    // What is done to an end that is gone is told apart by few programs; but some do it.
    if (end.dead && !this.#percent(10)) return;
    const peer = end === client ? server : client;
    if (end.peerGone) this.#separate();
    const alive = !end.dead;
    const steps = this.#steps(end, false);
    const destroys = (alive && end.dead) || steps.some((step) => DESTRUCTION.has(step.do));
    if (destroys && (this.#isJoinedBy(end.name) || (peer !== null && this.#isJoinedBy(peer.name)))) this.#separate();
    this.#push(end.side, end.name, steps);
  }

  /** Whether what comes now would be done in the same turn as something that this end has done. */
  #isJoinedBy(name: string): boolean {
    for (let at = this.#rounds.length - 1; this.#rounds[at]?.together === true; at--) {
      if (this.#rounds[at]?.on === name) return true;
    }
    return false;
  }

  /** What comes now does so after everything before. */
  #separate(): void {
    const last = this.#rounds.pop();
    if (last !== undefined) this.#rounds.push({ ...last, together: false });
  }

  /** Both ends end, if they have not. */
  #farewell(): void {
    for (const { client, server } of this.#connections) {
      for (const end of [client, server]) {
        if (end === null || end.dead) continue;
        if (end.peerGone) this.#separate();
        if (!end.takes) this.#push(end.side, end.name, [this.#note(end, { do: 'resume' })]);
        if (!end.ended) this.#push(end.side, end.name, [this.#end(end, [0, 0, 5])]);
      }
    }
  }

  #note(end: End, step: Step): Step {
    end.does(step);
    return step;
  }

  #end(end: End, sizes: readonly number[]): Step {
    return this.#note(end, { do: 'end', bytes: this.#mayWrite(end) ? this.#one(sizes) : 0 });
  }

  #write(bytes: number): Step {
    return { do: 'write', bytes, form: this.#one(FORMS) };
  }

  /** `connecting`: it is not connected yet. */
  #steps(end: End, connecting: boolean): Step[] {
    const dice = this.#random.below(100);
    if (dice < 42) return this.#writes(end);
    if (dice < 52) return [this.#end(end, [0, 0, 1, 1000])];
    if (dice < 64) return this.#flow(end);
    if (dice < 74) return this.#small(end);
    if (dice < 84) return this.#reads(end);
    if (dice < 90) return connecting ? [] : this.#times(end);
    if (connecting) return [];
    return [this.#note(end, this.#destruction(end))];
  }

  /**
   * An end that stops reading after a few bytes has left as much to the kernel as did not come with those, and that decides what
   * a reset looks like to it, and whether its own closing is one.
   */
  #destruction(end: End): Step {
    if (end.peerUnread > 0 && isLittle(end)) return { do: 'no-delay' };
    const kinds = ['destroy', 'destroy', 'destroy-error', 'destroy-soon', 'destroy-soon', 'reset', 'abort'] as const;
    const kind = this.#one(kinds);
    return { do: kind === 'reset' && end.unread > 0 && end.peer !== null && isLittle(end.peer) ? 'destroy' : kind };
  }

  /** The second write to who is gone fails if the first was answered by then, and Nagle's algorithm may have kept that back. */
  #mayWrite(end: End): boolean {
    return !end.wroteInVain || end.options.noDelay === true;
  }

  #writes(end: End): Step[] {
    if (!this.#mayWrite(end)) return [];
    const steps: Step[] = [];
    const corked = this.#percent(20);
    if (corked) steps.push({ do: 'cork' });
    // How soon an end hears that its peer is gone is a matter of time: a second write may or may not fail at once.
    const count = end.peerGone || end.peerBreaks || this.#percent(50) ? 1 : 1 + this.#random.below(5);
    for (let i = 0; i < count; i++) {
      // Who leaves its iteration with a chunk has had as much as came in it.
      const large = end.peerTakesAll && !end.peerBreaks && this.#percent(12);
      const bytes = this.#percent(4) ? 0 : this.#one(large ? LARGE : SIZES);
      if (!end.peerTakesAll && end.unread + bytes > UNREAD_MAX) break;
      steps.push(this.#note(end, this.#write(bytes)));
    }
    if (corked && (end.reading === 'echo' || this.#percent(80))) steps.push({ do: 'uncork' });
    if (!end.peerGone && this.#percent(8)) steps.push(this.#note(end, { do: 'end', bytes: this.#one([0, 100]) }));
    return steps;
  }

  #flow(end: End): Step[] {
    if (this.#percent(10)) return [this.#note(end, { do: end.takes ? 'pause' : 'resume' })];
    const kind = this.#one(['pause', 'resume', 'resume', 'add-data', 'remove-data', 'unpipe'] as const);
    return [this.#note(end, { do: kind })];
  }

  #small(end: End): Step[] {
    const kind = this.#one([
      'ref',
      'unref',
      'no-delay',
      'keep-alive',
      'uncork',
      'cork',
      'break',
      'set-encoding',
    ] as const);
    // What a corked end sends back is as much as came before its buffer was full, and that depends on the chunks.
    if (kind === 'cork' && end.reading === 'echo') return [];
    // Nor does anybody know in how many chunks that comes.
    if (kind === 'break' && end.peerEchoes) return [];
    if (kind !== 'set-encoding') return [this.#note(end, { do: kind })];
    return [this.#note(end, { do: kind, encoding: this.#one(['hex', 'latin1']) })];
  }

  #reads(end: End): Step[] {
    if (end.reading === 'idle' && this.#percent(60)) {
      const reading = this.#one(['flow', 'readable', 'iterate', 'pipe'] as const);
      return [this.#note(end, { do: 'start-reading', reading })];
    }
    // An end that stops reading after a few bytes has read as many as came together.
    return [this.#note(end, { do: 'read', bytes: isLittle(end) ? 1 : this.#one([0, 0, 1, 10, 1000]) })];
  }

  #times(end: End): Step[] {
    const kind = this.#random.below(3);
    if (kind === 0) return [{ do: 'time-limit' }];
    // No later round may be disturbed by it.
    if (kind === 1) {
      this.#separate();
      return end.connected ? [{ do: 'time-out' }] : [];
    }
    return [{ do: 'no-time-limit' }];
  }
}

/** The program of a seed. */
export function generate(seed: number): SocketProgram {
  return new Generator(seed).make();
}
