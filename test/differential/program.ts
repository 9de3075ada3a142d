/**
 * A random socket program as data: what its two sides do, step by step. It can be printed, made smaller, and kept as a
 * regression after the generator has changed. Names: `c0`, `c1` … are the client's sockets in the order in which they were
 * made, `s0`, `s1` … the server's in the order in which they were accepted.
 */

/** How a socket's data are taken. */
export type Reading =
  /** Nobody reads until a step says so. */
  | 'idle'
  /** A 'data' listener. */
  | 'flow'
  /** A 'readable' listener that reads all there is. */
  | 'readable'
  /** `for await`. */
  | 'iterate'
  /** Piped into a Writable. */
  | 'pipe'
  /** Piped into itself. */
  | 'echo';

export type Encoding = 'utf8' | 'latin1' | 'ascii' | 'utf16le' | 'base64' | 'hex';
/** As what bytes are written. */
export type Form = 'buffer' | 'bytes' | Encoding;

export interface SocketOptions {
  readonly allowHalfOpen?: boolean;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly highWaterMark?: number;
}

export interface ConnectOptions extends SocketOptions {
  /** `lookup`: a name that a lookup function of the program's own resolves, to several addresses. */
  readonly host: '127.0.0.1' | 'localhost' | '::1' | 'lookup' | 'lookup-fails' | 'none';
  readonly localAddress?: '127.0.0.1' | '127.0.0.2';
  /** Bytes of the buffer of an `onread` option. */
  readonly onread?: number;
  /** Milliseconds; far away. */
  readonly timeout?: number;
  /** With an AbortSignal that a step can use. */
  readonly signal?: boolean;
  /** `new net.Socket()` and `connect` on it, instead of `net.connect`. */
  readonly handMade?: boolean;
}

/** A connect that its program gives up before it has an answer. */
export interface GiveUp {
  /** In the same turn, before the kernel has heard of it; or in an immediate, when it is under way. */
  readonly when: 'now' | 'soon';
  readonly how: 'destroy' | 'destroy-error' | 'abort';
}

export type Step =
  | { readonly do: 'write'; readonly bytes: number; readonly form: Form }
  | { readonly do: 'end'; readonly bytes: number }
  | {
      readonly do:
        | 'cork'
        | 'uncork'
        | 'pause'
        | 'resume'
        | 'destroy'
        | 'destroy-error'
        | 'destroy-soon'
        | 'reset'
        | 'abort'
        | 'ref'
        | 'unref'
        | 'no-delay'
        | 'keep-alive'
        | 'time-out'
        | 'time-limit'
        | 'no-time-limit'
        | 'break'
        | 'unpipe'
        | 'add-data'
        | 'remove-data';
    }
  | { readonly do: 'read'; readonly bytes: number }
  /** Not utf8: what becomes of bytes that are none depends on where chunks end. */
  | { readonly do: 'set-encoding'; readonly encoding: 'hex' | 'latin1' }
  | { readonly do: 'start-reading'; readonly reading: Reading }
  | {
      readonly do: 'connect';
      /** Index of the server; null: a port where nobody listens. */
      readonly server: number | null;
      readonly options: ConnectOptions;
      readonly reading: Reading;
      /** Done at once, while it connects. */
      readonly then: readonly Step[];
      readonly giveUp?: GiveUp;
      /** The socket exists and is closed: it connects again. */
      readonly again?: boolean;
    }
  | { readonly do: 'close-server' };

/** What one side does in one go, on one socket (or with one server). */
export interface Round {
  readonly side: 'client' | 'server';
  /** `c0`, `s3`, or `server0`. */
  readonly on: string;
  readonly steps: readonly Step[];
  /** Within one process, the next round follows in the same turn of the event loop. */
  readonly together?: boolean;
}

export interface ServerSpec {
  readonly host: '127.0.0.1' | '::1' | 'any';
  readonly options: SocketOptions & { readonly pauseOnConnect?: boolean };
  readonly reading: Reading;
  /** Done with each connection as soon as it is there. */
  readonly greeting: readonly Step[];
  readonly maxConnections?: number;
  readonly dropMaxConnection?: boolean;
}

export interface SocketProgram {
  /** How it is called in reports. */
  readonly name: string;
  readonly servers: readonly ServerSpec[];
  readonly rounds: readonly Round[];
}

/** How many times a socket has been seen to do something, and how far it is; what settling is decided by. */
export interface Glance {
  readonly name: string;
  readonly localPort: number;
  readonly remotePort: number;
  readonly connecting: boolean;
  /** Its program takes whatever comes. */
  readonly reading: boolean;
  /** Its handle takes what comes: the program, or its buffer, has room. */
  readonly open: boolean;
  readonly buffered: number;
  /** It has had 'end', an error or 'close'. */
  readonly over: boolean;
  readonly received: number;
  /** Bytes that its handle has taken. */
  readonly sent: number;
  readonly corked: boolean;
  readonly queued: number;
  readonly ending: boolean;
  readonly finished: boolean;
  readonly destroyed: boolean;
  readonly closed: boolean;
  /** A step waits for a timeout of it. */
  readonly awaitsTimeout: boolean;
}

/** What a runner answers with. */
export interface Sight {
  /** Grows with everything that happens. */
  readonly activity: number;
  readonly sockets: readonly Glance[];
  readonly accepted: number;
  readonly dropped: number;
  readonly connected: number;
  /** Some server of the program was closed. */
  readonly closedServers: boolean;
}

/** What became of a program on one side. */
export interface SideRecord {
  /** By socket or server: what happened, and the states in between. */
  readonly tracks: Readonly<Record<string, readonly string[]>>;
  /** Port numbers by what they are. */
  readonly ports: Readonly<Record<number, string>>;
  /** `side carrier reason`, once for each connection that the switch announced. */
  readonly routes: readonly string[];
}

/** To a runner; it answers each with the message in brackets. */
export type Order =
  /** Makes the worlds of these sides, with servers listening. [ready] */
  | {
      readonly type: 'begin';
      readonly program: SocketProgram;
      readonly sides: readonly ('client' | 'server')[];
      /** For the client, where it is not the server as well. */
      readonly ports: readonly number[] | null;
    }
  /** How it was at the last look is how it is after this round. [kept] */
  | { readonly type: 'keep'; readonly after: number }
  /** Does these rounds. [sight] */
  | { readonly type: 'do'; readonly rounds: readonly Round[] }
  /** Lets its event loop turn. [sight] */
  | { readonly type: 'turn' }
  /** What there is to tell. [record] */
  | { readonly type: 'record'; readonly stuck: readonly string[] }
  /** Ends everything that is left. [ended] */
  | { readonly type: 'end' };

export type Answer =
  | { readonly type: 'ready'; readonly ports: readonly number[] }
  | { readonly type: 'kept' }
  | { readonly type: 'ended' }
  | { readonly type: 'sight'; readonly sight: Sight }
  | { readonly type: 'record'; readonly records: Readonly<Partial<Record<'client' | 'server', SideRecord>>> };
