/**
 * The query socket of one isolate: whoever connects gets one JSON document (a `Snapshot`) and end of file.
 *
 * The program it lives in must not notice it. So it is never ref'd, it uses no `server.on('connection')` (that would
 * publish on Node's `net.server.socket` channel), it goes round `server.listen()` (that would load `node:cluster`, which
 * reads NODE_CLUSTER_SCHED_POLICY once and for all, and in a cluster worker asks the primary to bind), and whatever goes
 * wrong, it is just not there.
 *
 * Who may ask: the abstract namespace has no file modes, so every connection's credentials are checked, if there is a way
 * to (SO_PEERCRED through the addon). Without one, the answer holds no connections and no listeners.
 */
import { Server, Socket } from 'node:net';
import { threadId } from 'node:worker_threads';
import { makeQueryName } from './query-name.js';
import { limitSnapshot } from './snapshot.js';
import type { Snapshot } from './snapshot.js';

export interface QueryServerInput {
  /** Called for each question. May throw: then there is no answer. */
  readonly snapshot: () => Snapshot;
  /** Effective user id at the other end of a connected Unix socket; negative when it cannot be told (no answer then).
   *  Null where the addon is missing. */
  readonly peerUid: ((fd: number) => number) | null;
  /** A questioner that reads nothing for so long is dropped, with the memory its answer holds, in ms. For tests. */
  readonly patience?: number;
}

export interface QueryServer {
  /** The abstract name, with its leading zero byte. */
  readonly path: string;
  close(): void;
}

/** More questions at once than this are not for looking at a process. */
const QUESTIONS_MAX = 8;
/** See {@link QueryServerInput.patience}. */
const PATIENCE_MILLISECONDS = 2000;
/** Nothing needs to be sent to us; what comes is dropped unread, and more than this ends the connection. */
const GARBAGE_BYTES_MAX = 4096;

/** The part of a native Pipe handle that is used here. */
interface PipeHandle {
  readonly fd: number;
  /** Bytes that the other end has not taken. */
  readonly writeQueueSize: number;
  close(): void;
}
/** The part of net.Server that is used here beside its types: both are as old as Node and held by the tests on each version. */
interface ServerInternals {
  _handle: (PipeHandle & { onconnection: (status: number, client: PipeHandle | undefined) => void }) | null;
  _listen2?: (path: string, port: -1, addressType: -1, backlog: number) => void;
}

function mayAsk(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function withoutSockets(snapshot: Snapshot): Snapshot {
  return { ...snapshot, listeners: [], connections: [] };
}

/** Make the answer, or null: the snapshot failed, which is not the questioner's business nor the program's. */
function makeAnswer(input: QueryServerInput): string | null {
  try {
    const snapshot = limitSnapshot(input.snapshot());
    return `${JSON.stringify(input.peerUid === null ? withoutSockets(snapshot) : snapshot)}\n`;
  } catch {
    // Asked at a bad moment (the isolate is ending): no answer.
    return null;
  }
}

/** Answer one question. `done` is called once, when its connection is gone. */
function answer(client: PipeHandle, input: QueryServerInput, done: () => void): void {
  if (input.peerUid !== null && !mayAsk(input.peerUid(client.fd))) {
    client.close();
    done();
    return;
  }
  const document = makeAnswer(input);
  // Typed as net.SocketConstructorOpts without `handle`, which is how net.Server itself makes its sockets.
  const socket = new Socket({ handle: client, readable: true, writable: true } as unknown as { readable: boolean });
  socket.unref();
  let left = 0;
  const timer = setInterval(() => {
    const now = client.writeQueueSize;
    if (now < left) left = now;
    else socket.destroy();
  }, input.patience ?? PATIENCE_MILLISECONDS).unref();
  socket.on('close', () => {
    clearInterval(timer);
    done();
  });
  // The questioner left: `close` follows.
  socket.on('error', () => undefined);
  let garbageBytes = 0;
  socket.on('data', (chunk) => {
    garbageBytes += chunk.length;
    if (garbageBytes > GARBAGE_BYTES_MAX) socket.destroy();
  });
  if (document === null) socket.destroy();
  else {
    socket.end(document, () => socket.destroySoon());
    left = client.writeQueueSize;
  }
}

/** Take questions from `handle`; nothing may be thrown from here, it would be the program's uncaught exception. */
function takeQuestions(handle: NonNullable<ServerInternals['_handle']>, input: QueryServerInput): void {
  let questions = 0;
  handle.onconnection = (status, client) => {
    if (status !== 0 || client === undefined) return;
    if (questions >= QUESTIONS_MAX) {
      client.close();
      return;
    }
    questions++;
    let counted = true;
    const done = (): void => {
      if (counted) questions--;
      counted = false;
    };
    try {
      answer(client, input, done);
    } catch {
      // The credential check failed or the socket could not be made: no answer.
      client.close();
      done();
    }
  };
}

function listen(server: Server, path: string): void {
  const internals = server as unknown as ServerInternals;
  if (typeof internals._listen2 === 'function') internals._listen2(path, -1, -1, QUESTIONS_MAX);
  else server.listen({ path, exclusive: true, backlog: QUESTIONS_MAX });
}

/**
 * Start answering. Returns null where that cannot be: no permission, no abstract names, an unknown Node. Never throws,
 * prints or emits anything.
 */
export function startQueryServer(input: QueryServerInput): QueryServer | null {
  const uid = process.geteuid?.();
  if (process.platform !== 'linux' || uid === undefined) return null;
  const { path } = makeQueryName(uid, process.pid, threadId);
  const server = new Server();
  // Only said where listening failed; there is nothing to do about it.
  server.on('error', () => undefined);
  try {
    listen(server, path);
    const handle = (server as unknown as ServerInternals)._handle;
    if (handle === null) return null;
    takeQuestions(handle, input);
    server.unref();
    return { path, close: () => void server.close() };
  } catch {
    // The permission model refuses sockets, or this Node has other internals: nobody can ask this isolate.
    return null;
  }
}
