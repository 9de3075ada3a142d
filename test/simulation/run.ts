/**
 * One simulated run: two processes, a few connections, programs on both ends and trouble, all of it by one seed. Checks what
 * must hold after each step and at the end; the same seed does the same, step by step, which the hash of its trace shows.
 */
import { createHash } from 'node:crypto';
import {
  LoopbackNetwork,
  type LoopbackFaults,
  type LoopbackOptions,
  type RdmaReadSupport,
  Random,
  VirtualScheduler,
} from '../../src/providers/loopback/index.js';
import type { Counts } from '../../src/session/counts.js';
import type { ListenRequest } from '../../src/switch/listen.js';
import { OWNED_BUFFERS, SimulatedProcess } from './host.js';
import { type Manners, Program, type ProgramHost } from './program.js';
import { POSTED_BUFFERS, useClock } from './virtual.js';

export interface Outcome {
  readonly seed: number;
  /** What must not be; empty: all held. */
  readonly failures: readonly string[];
  /** SHA-256 of the trace. */
  readonly hash: string;
  /** The trace itself, if it was asked for. */
  readonly trace: readonly string[];
  readonly steps: number;
  /** Connections that programs had, and bytes that they received. */
  readonly connections: number;
  readonly bytes: number;
}

/** Where the two processes listen. */
const PORTS = [400, 500] as const;
const STEPS_MAX = 400_000;

interface Plan {
  readonly options: LoopbackOptions;
  readonly faults: Partial<LoopbackFaults>;
  readonly windowBytes: number;
  readonly connectTimeoutTicks: number;
  readonly connections: number;
  readonly manners: Manners;
  /** What ends a process early: at which tick, or as soon as its program has closed a connection; which, and how. */
  readonly death: { readonly at: number | 'close'; readonly host: number; readonly how: 'exit' | 'kill' } | null;
}

function makePlan(random: Random): Plan {
  const some = (perMillion: number, oneIn: number): number => (random.below(oneIn) === 0 ? perMillion : 0);
  const delayTicksMax = [0, 1, 5, 30, 100][random.below(5)] ?? 0;
  const rdmaRead = (['offered', 'offered', 'refused', 'absent'] as const)[random.below(4)] satisfies
    | RdmaReadSupport
    | undefined;
  const death = random.below(5) === 0;
  return {
    options: {
      ownsReceiveBuffers: random.below(3) === 0,
      connectData: random.below(2) === 0,
      rdmaRead: rdmaRead ?? 'offered',
      rdmaThresholdBytes: [1024, 4096, 20_000][random.below(3)] ?? 4096,
      maxRdmaBytes: random.below(3) === 0 ? 10_000 : 0xffffffff,
      authoritative: random.below(2) === 0,
    },
    faults: {
      delayTicksMax,
      registerNoBuffers: some(20_000, 8),
      socketNoBuffers: some(100_000, 12),
      connectRefused: some(200_000, 12),
      connectLost: some(200_000, 12),
      postNetDown: some(2_000, 10),
      connectionLost: some(5_000, 5),
    },
    windowBytes: 65_536 << random.below(2),
    connectTimeoutTicks: [50, 1000, 5000][random.below(3)] ?? 1000,
    connections: 1 + random.below(random.below(4) === 0 ? 8 : 3),
    manners: {
      actions: 2 + random.below(random.below(5) === 0 ? 200 : 40),
      bytesMax: [200, 20_000, 200_000][random.below(3)] ?? 200,
      pauseMax: [1, 20, 200][random.below(3)] ?? 20,
      halfOpen: random.below(2) === 0,
    },
    death: death
      ? {
          at: random.below(3) === 0 ? 'close' : random.below(3000),
          host: random.below(2),
          how: random.below(2) === 0 ? 'exit' : 'kill',
        }
      : null,
  };
}

class World implements ProgramHost {
  readonly clock = new VirtualScheduler();
  readonly random: Random;
  readonly plan: Plan;
  readonly network: LoopbackNetwork;
  readonly hosts: SimulatedProcess[];
  readonly failures: string[] = [];
  readonly lines: string[] = [];
  readonly programs: Program[] = [];
  readonly #attempts: { readonly from: SimulatedProcess; readonly answers: number }[] = [];
  /** Both ends by the connector's name. */
  readonly #halves = new Map<string, Program>();
  readonly #hash = createHash('sha256');
  readonly #keep: boolean;
  #salt = 1;

  constructor(seed: number, keep: boolean) {
    this.#keep = keep;
    this.random = new Random(seed);
    this.plan = makePlan(this.random);
    this.network = new LoopbackNetwork({ scheduler: this.clock, seed: this.random.next(), faults: this.plan.faults });
    // Faults are for what programs do; the switches start before them.
    const { faults } = this.network;
    this.network.faults = { ...faults, socketNoBuffers: 0 };
    this.hosts = PORTS.map(
      (port) =>
        new SimulatedProcess(this.clock, this.network, {
          port,
          options: this.plan.options,
          windowBytes: this.plan.windowBytes,
          connectTimeoutTicks: this.plan.connectTimeoutTicks,
          onViolation: (what) => this.fail(`violation: ${what}`),
        }),
    );
    for (const host of this.hosts) this.#listen(host);
    this.network.faults = faults;
    this.trace(JSON.stringify(this.plan));
  }

  trace(line: string): void {
    this.#hash.update(line);
    this.#hash.update('\n');
    if (this.#keep) this.lines.push(line);
  }

  fail(what: string): void {
    this.trace(`FAILURE ${what}`);
    this.failures.push(`at ${this.clock.now()}: ${what}`);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  #listen(host: SimulatedProcess): void {
    const request: ListenRequest = {
      tcp: host.nextTcp(),
      local: host.name,
      backlog: 8,
      isEligible: () => true,
      hasRoom: () => true,
      onLost: () => undefined,
      onConnection: (connection) => {
        if (host.dead) return;
        const { sin_addr, sin_port } = connection.remote;
        this.#join(`${sin_addr}:${sin_port}`, this.#program('accept', host, connection));
      },
    };
    const listening = host.sw.listen(request);
    if (listening.reason !== null) this.fail(`no companion: ${listening.reason}`);
  }

  connect(from: SimulatedProcess, to: SimulatedProcess): void {
    if (from.dead) return;
    const mine = { from, answers: 0 };
    const answered = (): void => {
      if (++mine.answers > 1) this.fail('a second answer to a connect');
    };
    const attempt = from.sw.connect({
      tcp: from.nextTcp(),
      remote: to.name,
      local: null,
      onEstablished: (connection) => {
        answered();
        if (from.dead) return;
        const { sin_addr, sin_port } = connection.local;
        this.#join(`${sin_addr}:${sin_port}`, this.#program('connect', from, connection));
      },
      onFallback: (reason) => {
        answered();
        this.trace(`${this.clock.now()} ${from.port} falls back: ${reason}`);
      },
      onError: (wsa) => {
        answered();
        this.trace(`${this.clock.now()} ${from.port} connect fails: ${wsa}`);
      },
    });
    if (typeof attempt === 'string') this.trace(`${this.clock.now()} ${from.port} stays on TCP: ${attempt}`);
    else this.#attempts.push(mine);
  }

  #program(side: 'connect' | 'accept', host: SimulatedProcess, connection: Program['connection']): Program {
    const connector = side === 'connect' ? connection.local : connection.remote;
    const acceptor = side === 'connect' ? connection.remote : connection.local;
    // Each process numbers its connections in a range of its own.
    const isSelf = Math.floor(connector.sin_port / 100) === acceptor.sin_port;
    // The stream's position zero differs by connection and direction, so that no byte passes for another's.
    const base = (connector.sin_port % 1000) * 17 + (host === this.hosts[0] ? 1 : 2) * 7919;
    const other = (connector.sin_port % 1000) * 17 + (host === this.hosts[0] ? 2 : 1) * 7919;
    const mine = isSelf && side === 'accept' ? base + 3511 : base;
    const theirs = isSelf ? (side === 'accept' ? base : base + 3511) : other;
    const name = `${host.port} ${side} ${this.#salt++}`;
    const program = new Program(name, host, connection, mine, theirs, this.plan.manners, this);
    this.trace(`${this.clock.now()} ${name} begins`);
    this.programs.push(program);
    return program;
  }

  #join(key: string, program: Program): void {
    const other = this.#halves.get(key);
    if (other === undefined) {
      this.#halves.set(key, program);
      return;
    }
    other.peer = program;
    program.peer = other;
  }

  /** The process that is to end early ends now. */
  die(): void {
    const { death } = this.plan;
    const host = death === null ? undefined : this.hosts[death.host];
    if (death === null || host === undefined || host.dead) return;
    this.trace(`${this.clock.now()} ${host.port} ${death.how}`);
    if (death.how === 'exit') host.exit();
    else host.kill();
  }

  /** Nothing comes between the close and the end of the process. */
  onClosed(program: Program): void {
    const { death } = this.plan;
    if (death?.at === 'close' && program.host === this.hosts[death.host]) this.die();
  }

  /** What must hold after every step. */
  check(): void {
    const { ownsReceiveBuffers } = this.plan.options;
    const exited = this.hosts.some(({ dead }) => dead);
    for (const host of this.hosts) {
      if (host.dead || ownsReceiveBuffers || exited) continue;
      const { early } = host.provider.inventory();
      if (early > POSTED_BUFFERS) this.fail(`${host.port}: ${early} messages without a buffer`);
    }
    for (const program of this.programs) this.#checkCredits(program, exited);
  }

  /** Credits are bounded (GAP-3): what a session holds for its program, and what it may have under way. */
  #checkCredits(program: Program, exited: boolean): void {
    const { session } = program.connection;
    if (program.over || session.phase === 'closed' || exited) return;
    const { counts } = session as unknown as { counts: Counts };
    const held = (counts.receivedBytes - counts.consumedBytes) | 0;
    if (held < 0 || held > this.plan.windowBytes) this.fail(`${program.name}: holds ${held} bytes for its program`);
    const { bytesUnderWay, messagesUnderWay } = counts;
    if (bytesUnderWay < 0 || bytesUnderWay > this.plan.windowBytes)
      this.fail(`${program.name}: ${bytesUnderWay} bytes under way`);
    const buffers = this.plan.options.ownsReceiveBuffers === true ? OWNED_BUFFERS : POSTED_BUFFERS;
    if (messagesUnderWay > buffers) this.fail(`${program.name}: ${messagesUnderWay} messages under way`);
  }

  /** What must hold once nothing moves any more. */
  checkEnd(): void {
    for (const program of this.programs) this.#checkProgram(program);
    for (const { from, answers } of this.#attempts) {
      if (!from.dead && answers === 0) this.fail(`${from.port}: a connect without an answer`);
    }
    for (const host of this.hosts) {
      if (host.dead) continue;
      const left = host.provider.inventory();
      const open = host.sw.snapshot().connections.length;
      if (open > 0) this.fail(`${host.port}: ${open} connections are left`);
      if (left.sockets !== 2) this.fail(`${host.port}: ${left.sockets} sockets instead of scratch and listener`);
      const { registrations, receives, requests, early } = left;
      if (registrations + receives + requests + early > 0) this.fail(`${host.port}: left ${JSON.stringify(left)}`);
      host.sw.stop();
      const { sockets } = host.provider.inventory();
      if (sockets !== 0) this.fail(`${host.port}: ${sockets} sockets after the end`);
    }
  }

  /** A process that has exited in a world where that takes less time than it has: what it confirmed has arrived (D7). */
  #exitsWhole(program: Program): boolean {
    const { faults, death } = this.plan;
    const quiet = (faults.connectionLost ?? 0) + (faults.postNetDown ?? 0) === 0 && (faults.delayTicksMax ?? 0) <= 5;
    return quiet && death?.how === 'exit' && program.host.dead;
  }

  #checkProgram(program: Program): void {
    if (program.host.dead) return;
    const { name, peer } = program;
    if (!program.closed) this.fail(`${name}: never came to its end`);
    if (program.hasPending) this.fail(`${name}: a write never ended`);
    if (peer === null) {
      // Its other end saw nothing of it: a connection that was lost at once.
      if (program.ended && !program.lost && program.received > 0) this.fail(`${name}: bytes from nowhere`);
      return;
    }
    const lossless = this.plan.options.ownsReceiveBuffers === true;
    if (program.ended) {
      const excused = peer.shut || peer.closed || (peer.host.dead && (lossless || this.plan.death?.how === 'exit'));
      if (!excused) this.fail(`${name}: an end that nobody made`);
      if (program.received < peer.confirmed) {
        this.fail(`${name}: ended after ${program.received} bytes, ${peer.confirmed} were confirmed`);
      }
      const whole = peer.shut && !peer.droppedWrite && !peer.host.dead;
      if (whole && program.received !== peer.written && !peer.writeFailed) {
        this.fail(`${name}: ended after ${program.received} bytes of ${peer.written}`);
      }
    } else if (program.lost && this.#exitsWhole(peer) && !program.writeFailed && program.received < peer.confirmed) {
      this.fail(
        `${name}: lost after ${program.received} bytes, ${peer.confirmed} were confirmed by a process that exited`,
      );
    } else if (program.lost && lossless && program.received < peer.confirmed && !program.writeFailed) {
      this.fail(`${name}: lost after ${program.received} bytes, ${peer.confirmed} were confirmed`);
    }
  }
}

/** Runs one seed. `keep`: with the whole trace. */
export function simulate(seed: number, keep = false): Outcome {
  const world = new World(seed, keep);
  const { clock, plan, hosts, random } = world;
  useClock(clock);
  let steps = 0;
  try {
    for (let i = 0; i < plan.connections; i++) {
      const from = hosts[random.below(2)];
      const to = random.below(6) === 0 ? from : hosts[from === hosts[0] ? 1 : 0];
      clock.schedule(() => world.connect(from, to), null, random.below(300));
    }
    if (typeof plan.death?.at === 'number') clock.schedule(() => world.die(), null, plan.death.at);
    while (world.failures.length === 0 && steps < STEPS_MAX && clock.step()) {
      steps++;
      world.check();
    }
    if (steps >= STEPS_MAX) world.fail(`still going after ${steps} steps`);
    if (world.failures.length === 0) world.checkEnd();
    while (world.failures.length === 0 && clock.step()) steps++;
  } catch (error) {
    world.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    useClock(null);
  }
  const bytes = world.programs.reduce((sum, { received }) => sum + received, 0);
  const { failures, lines: trace, programs } = world;
  return { seed, failures, hash: world.digest(), trace, steps, connections: programs.length, bytes };
}
