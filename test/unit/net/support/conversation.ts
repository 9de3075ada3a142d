// One conversation between a server's socket and a client's, with everything that either side saw written down: run on
// TCP and on the SAN, the two logs must be equal.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  connect,
  createServer,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type ServerOpts,
  type Socket,
} from 'node:net';

export interface Conversation {
  readonly server?: ServerOpts;
  readonly client?: Partial<NetConnectOpts>;
  /** Does the server's part with its socket; what it throws or rejects with fails the test. */
  onServer(socket: Socket, log: Recorder, server: Server): unknown;
  onClient(socket: Socket, log: Recorder): unknown;
}

export interface Heard {
  readonly server: readonly string[];
  readonly client: readonly string[];
}

/** Writes events down. Data that come in several pieces count as one line: TCP may cut them anywhere. */
export class Recorder {
  readonly lines: string[] = [];
  #bytes = 0;
  #hash = createHash('sha1');

  note(line: string): void {
    this.#flush();
    this.lines.push(line);
  }

  data(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#hash.update(bytes);
  }

  #flush(): void {
    if (this.#bytes === 0) return;
    this.lines.push(`data ${this.#bytes} ${this.#hash.digest('hex').slice(0, 8)}`);
    this.#bytes = 0;
    this.#hash = createHash('sha1');
  }

  /** Every event of the socket, and with `reading` the data too. */
  watch(socket: Socket, reading = true): void {
    for (const event of ['connect', 'ready', 'end', 'finish', 'timeout']) socket.on(event, () => this.note(event));
    socket.on('close', (hadError) => this.note(`close ${hadError} ${socket.bytesRead} ${socket.bytesWritten}`));
    socket.on('error', (error: NodeJS.ErrnoException) => this.note(`error ${error.code} ${error.syscall}`));
    if (reading) socket.on('data', (bytes) => this.data(bytes));
  }
}

/** Runs one conversation until both sockets are closed. */
export async function converse(what: Conversation): Promise<Heard> {
  const serverLog = new Recorder();
  const clientLog = new Recorder();
  let failed: Error | undefined;
  const fail = (error: unknown): void => {
    failed ??= error instanceof Error ? error : new Error(String(error));
  };
  const server = createServer(what.server ?? {});
  const accepted = new Promise<Socket>((resolve) => {
    server.on('connection', (socket) => {
      Promise.resolve(what.onServer(socket, serverLog, server)).catch(fail);
      resolve(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', ...what.client } as NetConnectOpts);
  const clientClosed = closed(client);
  Promise.resolve(what.onClient(client, clientLog)).catch(fail);
  const peer = await accepted;
  await Promise.all([clientClosed, closed(peer)]);
  server.close();
  await once(server, 'close');
  if (failed !== undefined) throw failed;
  return { server: serverLog.lines, client: clientLog.lines };
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** `bytes` bytes that differ from place to place. */
export function pattern(bytes: number, seed = 1): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let value = seed;
  for (let i = 0; i < bytes; i++) {
    value = (value * 1103515245 + 12345) & 0x7fffffff;
    buffer[i] = value >> 16;
  }
  return buffer;
}
