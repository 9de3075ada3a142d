/** One side of a program: its servers or its connecting sockets, and what the rounds have them do. */
import { createServer, type Server, type Socket, type TcpNetConnectOpts } from 'node:net';
import net from 'node:net';
import type { ConnectOptions, Round, ServerSpec, SideRecord, SocketProgram, Step } from './program.js';
import { describeError, Track } from './track.js';
import { port, Watched } from './watched.js';

type ConnectStep = Extract<Step, { do: 'connect' }>;
type LookupCallback = (error: Error | null, address?: unknown, family?: number) => void;

/** Nobody listens there (tcpmux). */
const CLOSED_PORT = 1;

export abstract class World {
  readonly sockets = new Map<string, Watched>();
  readonly process = new Track();
  accepted = 0;
  dropped = 0;
  connected = 0;
  closedServers = false;

  abstract round(round: Round): void;
  abstract endServers(): void;
  abstract states(): void;
  abstract tracks(): Map<string, Track>;
  abstract ports(): Record<number, string>;

  get activity(): number {
    let sum = 0;
    for (const track of this.tracks().values()) sum += track.activity;
    return sum;
  }

  protected onSocket(round: Round): void {
    const watched = this.sockets.get(round.on);
    if (watched === undefined) {
      this.process.note(`${round.on} is not there`);
      return;
    }
    for (const step of round.steps) watched.perform(step);
  }

  /** Looks how everything is. */
  noteStates(): void {
    for (const watched of this.sockets.values()) watched.track.state(watched.state());
    this.states();
  }

  /** As it was at the last look, it is after this round. */
  keepStates(round: number): void {
    for (const track of this.tracks().values()) track.keepState(round);
  }

  record(routes: readonly string[]): SideRecord {
    const tracks: Record<string, readonly string[]> = {};
    for (const [name, track] of this.tracks()) {
      track.end();
      tracks[name] = track.lines;
    }
    return { tracks, ports: this.ports(), routes };
  }

  /** What the rounds have left. */
  endAll(): void {
    for (const { socket } of this.sockets.values()) socket.destroy();
    this.endServers();
  }

  /** Whether everything it had is closed. */
  get over(): boolean {
    return [...this.sockets.values()].every((watched) => !watched.socket.destroyed || watched.glance().closed);
  }
}

// ------------------------------------------------------------------------------------------------ server

interface Listening {
  readonly spec: ServerSpec;
  readonly server: Server;
  readonly track: Track;
  port: number;
  closed: boolean;
}

export class ServerWorld extends World {
  readonly #servers: Listening[];

  constructor(program: SocketProgram) {
    super();
    this.#servers = program.servers.map((spec, index) => this.#listen(spec, `server${index}`));
  }

  #listen(spec: ServerSpec, name: string): Listening {
    const server = createServer(spec.options);
    const track = new Track();
    const listening: Listening = { spec, server, track, port: 0, closed: false };
    if (spec.maxConnections !== undefined) server.maxConnections = spec.maxConnections;
    if (spec.dropMaxConnection === true) (server as { dropMaxConnection?: boolean }).dropMaxConnection = true;
    server.on('connection', (socket) => this.#accept(listening, socket));
    server.on('drop', (data) => {
      this.dropped++;
      track.note(
        `drop ${data?.localAddress} ${port(data?.localPort)} ${data?.remoteAddress} ${port(data?.remotePort)}`,
      );
    });
    server.on('error', (error) => track.note(`error ${describeError(error)}`));
    server.on('close', () => {
      listening.closed = true;
      track.note('close');
    });
    server.on('listening', () => {
      listening.port = (server.address() as net.AddressInfo).port;
      track.note('listening');
    });
    server.listen({ port: 0, ...(spec.host === 'any' ? {} : { host: spec.host }) });
    this.#named.set(name, listening);
    return listening;
  }

  readonly #named = new Map<string, Listening>();

  #accept({ spec, track }: Listening, socket: Socket): void {
    const name = `s${this.accepted++}`;
    const watched = new Watched(name, socket);
    watched.noteNames();
    this.sockets.set(name, watched);
    track.note(`connection ${name} ${port(socket.remotePort)}`);
    watched.track.note(`accepted ${watched.state()}`);
    watched.startReading(spec.reading);
    for (const step of spec.greeting) watched.perform(step);
  }

  /** Ports of the servers, once all of them listen. */
  async listening(): Promise<number[]> {
    for (const listening of this.#servers) {
      if (listening.port === 0) await new Promise((done) => listening.server.once('listening', done));
    }
    return this.#servers.map((listening) => listening.port);
  }

  round(round: Round): void {
    const listening = this.#named.get(round.on);
    if (listening === undefined) {
      this.onSocket(round);
      return;
    }
    for (const step of round.steps) {
      listening.track.note(step.do);
      if (step.do !== 'close-server') continue;
      this.closedServers = true;
      listening.server.close((error) =>
        listening.track.note(`closed ${error === undefined ? '' : describeError(error)}`),
      );
    }
  }

  override endServers(): void {
    for (const { server } of this.#servers) if (server.listening) server.close();
  }

  override get over(): boolean {
    return super.over && this.#servers.every(({ server, closed }) => closed || server.listening);
  }

  states(): void {
    for (const { server, track } of this.#servers) {
      const address = server.address() as net.AddressInfo | null;
      const where = address === null ? 'null' : `${address.address} ${address.family} ${port(address.port)}`;
      server.getConnections((error, count) => {
        track.state(`listening=${server.listening} address=${where} connections=${error?.message ?? count}`);
      });
    }
  }

  tracks(): Map<string, Track> {
    const tracks = new Map<string, Track>([['server process', this.process]]);
    for (const [name, { track }] of this.#named) tracks.set(name, track);
    for (const [name, { track }] of this.sockets) tracks.set(name, track);
    return tracks;
  }

  ports(): Record<number, string> {
    return Object.fromEntries(this.#servers.map((listening, index) => [listening.port, `server${index}`]));
  }
}

// ------------------------------------------------------------------------------------------------ client

export class ClientWorld extends World {
  readonly #ports: readonly number[];
  readonly #local: Record<number, string> = {};
  #made = 0;

  constructor(ports: readonly number[]) {
    super();
    this.#ports = ports;
  }

  round(round: Round): void {
    const [first, ...others] = round.steps;
    if (first?.do !== 'connect') {
      this.onSocket(round);
      return;
    }
    this.#connect(first, round.on);
    const watched = this.sockets.get(round.on);
    for (const step of [...first.then, ...others]) watched?.perform(step);
    const { giveUp } = first;
    if (giveUp?.when === 'now') watched?.perform({ do: giveUp.how });
    else if (giveUp !== undefined) setImmediate(() => watched?.perform({ do: giveUp.how }));
  }

  #connect(step: ConnectStep, on: string): void {
    const { server, options, reading } = step;
    const present = this.sockets.get(on);
    const target = { ...endpoint(options), port: server === null ? CLOSED_PORT : (this.#ports[server] ?? CLOSED_PORT) };
    if (step.again === true) {
      if (present === undefined) return;
      present.beginAgain();
      present.socket.connect(target);
      return;
    }
    const controller = options.signal === true ? new AbortController() : null;
    let watched: Watched | null = null;
    const settings = {
      ...options,
      host: undefined,
      timeout: options.handMade === true ? undefined : options.timeout,
      signal: controller?.signal,
      onread:
        options.onread === undefined
          ? undefined
          : {
              buffer: Buffer.alloc(options.onread),
              callback: (bytes: number, buffer: Uint8Array): boolean => watched?.onChunk(bytes, buffer) ?? true,
            },
    };
    for (const [key, value] of Object.entries(settings)) {
      if (value === undefined) Reflect.deleteProperty(settings, key);
    }
    const socket =
      options.handMade === true
        ? new net.Socket(settings)
        : net.connect({ ...settings, ...target } as TcpNetConnectOpts);
    const name = `c${this.#made++}`;
    watched = new Watched(name, socket);
    watched.controller = controller;
    watched.onread = options.onread !== undefined;
    this.sockets.set(name, watched);
    socket.on('connect', () => {
      this.connected++;
      if (socket.localPort !== undefined) this.#local[socket.localPort] = `local port of ${name}`;
    });
    watched.startReading(reading);
    if (options.handMade === true) socket.connect(target as TcpNetConnectOpts);
  }

  override endServers(): void {
    // It has none.
  }

  states(): void {
    // Nothing beside its sockets.
  }

  tracks(): Map<string, Track> {
    const tracks = new Map<string, Track>([['client process', this.process]]);
    for (const [name, { track }] of this.sockets) tracks.set(name, track);
    return tracks;
  }

  ports(): Record<number, string> {
    return this.#local;
  }
}

/** Where to, as the options have it. */
function endpoint(options: ConnectOptions): Record<string, unknown> {
  const { host, localAddress } = options;
  // A loaded machine must not decide which address it is.
  const patience = { autoSelectFamilyAttemptTimeout: 600_000 };
  const from = localAddress === undefined ? patience : { ...patience, localAddress };
  switch (host) {
    case 'none':
      return from;
    case 'lookup':
      return { ...from, host: 'somewhere.invalid', lookup: lookUp };
    case 'lookup-fails':
      return { ...from, host: 'nowhere.invalid', lookup: lookUpInVain };
    default:
      return { ...from, host };
  }
}

function lookUp(_host: string, options: { all?: boolean }, callback: LookupCallback): void {
  const list = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  if (options.all === true) setImmediate(callback, null, list);
  else setImmediate(callback, null, '127.0.0.1', 4);
}

function lookUpInVain(host: string, _options: unknown, callback: LookupCallback): void {
  const error: NodeJS.ErrnoException = new Error(`no such host: ${host}`);
  error.code = 'ENOTFOUND';
  setImmediate(callback, error);
}
