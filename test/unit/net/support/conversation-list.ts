// Conversations that must look the same on TCP and on whatever else carries them.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import { type Conversation, pattern, type Recorder } from './conversation.js';

/** Declares a test of one conversation. `window`: the bytes that may be under way, where that can be set. */
export type Same = (name: string, conversation: Conversation, options?: { window?: number }) => void;

function echo(socket: Socket, log: Recorder): void {
  log.watch(socket, false);
  socket.on('data', (bytes) => {
    log.data(bytes);
    socket.write(bytes);
  });
}

/** Both ends are in this event loop: what one has done the other has seen after so many turns, however slow they are. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await delay(1);
}

/** Hands every conversation to `same`. */
export function conversations(same: Same): void {
  same('echo of small and large buffers', {
    onServer: echo,
    async onClient(socket, log) {
      log.watch(socket);
      let received = 0;
      let sent = 0;
      socket.on('data', (bytes) => {
        received += bytes.length;
      });
      await once(socket, 'connect');
      for (const size of [1, 2, 3, 100, 4096, 65536, 300_000]) {
        sent += size;
        socket.write(pattern(size, size));
        while (received < sent) await once(socket, 'data');
        log.note(`echoed ${received}`);
      }
      socket.end();
    },
  });

  same(
    'a large write behind a small window, callback and drain',
    {
      onServer(socket, log) {
        log.watch(socket);
      },
      async onClient(socket, log) {
        log.watch(socket);
        await once(socket, 'connect');
        const big = pattern(8_000_000);
        const wrote = socket.write(big, (error) => log.note(`written ${error}`));
        log.note(`write ${wrote} ${socket.writableLength} ${socket.bytesWritten}`);
        await once(socket, 'drain');
        log.note(`drain ${socket.writableLength} ${socket.bytesWritten}`);
        socket.end('end');
      },
    },
    { window: 4096 },
  );

  same('texts in all encodings', {
    onServer(socket, log) {
      log.watch(socket);
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      const text = 'Grüße, 世界 \u{1f600} \ud800 z';
      for (const encoding of ['utf8', 'latin1', 'ascii', 'binary', 'utf16le', 'ucs2'] as const) {
        socket.write(text, encoding);
        socket.write(text.repeat(3000), encoding);
      }
      socket.write('00ff7f', 'hex');
      socket.write('aGVsbG8=', 'base64');
      socket.write('');
      socket.write(Buffer.alloc(0));
      log.note(`${socket.bytesWritten}`);
      socket.end('é', 'utf8');
    },
  });

  same('cork and writev, small and large, mixed', {
    onServer(socket, log) {
      log.watch(socket);
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      for (const size of [10, 5000, 200_000]) {
        socket.cork();
        for (let i = 0; i < 5; i++) {
          socket.write(pattern(size, i));
          socket.write('x'.repeat(size), 'latin1');
          socket.write('ü'.repeat(size), (error) => log.note(`written ${error}`));
          socket.write('61626364', 'hex');
        }
        socket.uncork();
        await new Promise((resolve) => socket.write('flush', resolve));
        socket.cork();
        for (let i = 0; i < 5; i++) socket.write(pattern(size, i));
        socket.uncork();
        await new Promise((resolve) => socket.write(Buffer.from('flush'), resolve));
      }
      log.note(`${socket.bytesWritten}`);
      socket.end();
    },
  });

  same('half-close: the server answers after the end', {
    server: { allowHalfOpen: true },
    onServer(socket, log) {
      log.watch(socket);
      socket.on('end', () => {
        socket.write('after the end');
        setTimeout(() => socket.end('!'), 20);
      });
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      socket.end('question');
    },
  });

  same('half-close both ways', {
    server: { allowHalfOpen: true },
    client: { allowHalfOpen: true },
    onServer(socket, log) {
      log.watch(socket);
      socket.end('bye');
      socket.on('end', () => log.note(`server ${socket.readyState}`));
    },
    onClient(socket, log) {
      log.watch(socket);
      socket.on('end', () => {
        log.note(`client ${socket.readyState} ${socket.writable}`);
        setTimeout(() => socket.end('late'), 10);
      });
    },
  });

  same('the client destroys with unread data: the server is reset', {
    onServer(socket, log) {
      log.watch(socket);
      socket.write(pattern(30_000));
    },
    async onClient(socket, log) {
      log.watch(socket, false);
      socket.pause();
      await once(socket, 'connect');
      await delay(50);
      // On a machine that was busy meanwhile, what carries the data has had no turn yet.
      for (let i = 0; i < 100; i++) await immediate();
      socket.destroy();
    },
  });

  same('destroy without unread data is an end for the peer', {
    onServer(socket, log) {
      log.watch(socket);
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      socket.write('last words');
      socket.destroy();
      log.note(`destroyed ${socket.destroyed} ${socket.bytesWritten}`);
    },
  });

  same('destroy with an error', {
    onServer(socket, log) {
      log.watch(socket);
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      socket.destroy(new Error('enough'));
    },
  });

  same('resetAndDestroy', {
    onServer(socket, log) {
      log.watch(socket);
      socket.write('hello');
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'data');
      socket.resetAndDestroy();
    },
  });

  same('resetAndDestroy before connected', {
    onServer(socket, log) {
      log.watch(socket);
    },
    onClient(socket, log) {
      log.watch(socket);
      socket.resetAndDestroy();
    },
  });

  same('write after end', {
    onServer(socket, log) {
      log.watch(socket);
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      socket.end('end');
      socket.write('too late', (error) => log.note(`write: ${(error as NodeJS.ErrnoException).code}`));
    },
  });

  same('write after the peer has ended, without half-open', {
    onServer(socket, log) {
      log.watch(socket);
      socket.end('bye');
    },
    onClient(socket, log) {
      log.watch(socket);
      socket.on('end', () => {
        socket.write('too late', (error) => log.note(`write: ${error?.message}`));
      });
    },
  });

  same('writes to a peer that is gone, after its end: one is taken, the next is a broken pipe', {
    onServer(socket, log) {
      log.note('connection');
      socket.destroy();
    },
    client: { allowHalfOpen: true },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'end');
      await turns();
      socket.write('first', (error) => log.note(`first ${error}`));
      await turns();
      socket.write('second', (error) => log.note(`second ${(error as NodeJS.ErrnoException).code}`));
    },
  });

  same('writes before connected, and destroy in connect', {
    onServer(socket, log) {
      log.watch(socket);
    },
    onClient(socket, log) {
      log.watch(socket);
      log.note(`${socket.connecting} ${socket.pending} ${socket.readyState} ${socket.bytesWritten}`);
      socket.write('early');
      socket.write(Buffer.from(' bird'), () => log.note('written'));
      log.note(`${socket.bytesWritten}`);
      socket.on('ready', () => {
        log.note(`${socket.connecting} ${socket.pending} ${socket.readyState}`);
        socket.end();
      });
    },
  });

  same('names of both ends', {
    onServer(socket, log, server) {
      log.watch(socket);
      const { port } = server.address() as { port: number };
      log.note(`${socket.localAddress} ${socket.localFamily} ${socket.localPort === port}`);
      log.note(`${socket.remoteAddress} ${socket.remoteFamily} ${typeof socket.remotePort}`);
      log.note(Object.keys(socket.address()).join());
      socket.end();
    },
    async onClient(socket, log) {
      log.watch(socket);
      log.note(JSON.stringify([socket.remoteAddress, socket.localAddress === undefined]));
      await once(socket, 'connect');
      log.note(`${socket.localAddress} ${socket.localFamily} ${typeof socket.localPort}`);
      log.note(`${socket.remoteAddress} ${socket.remoteFamily} ${typeof socket.remotePort}`);
      await once(socket, 'close');
      log.note(JSON.stringify([socket.localAddress, socket.remoteAddress, socket.address()]));
    },
  });

  same('the onread option with one buffer, pausing in the middle', {
    async onServer(socket, log) {
      log.watch(socket);
      socket.write(pattern(50_000));
      socket.end('the end');
    },
    client: onreadOption(),
    async onClient(socket, log) {
      onreadLog = log;
      onreadSocket = socket;
      log.watch(socket, false);
    },
  });

  same('the onread option with a buffer factory', {
    async onServer(socket, log) {
      log.watch(socket);
      for (let i = 0; i < 5; i++) {
        socket.write(pattern(1000, i));
        await delay(2);
      }
      socket.end();
    },
    client: {
      onread: {
        buffer: () => Buffer.allocUnsafe(512),
        callback: (bytes: number, buffer: Uint8Array) => {
          onreadLog?.data(buffer.subarray(0, bytes));
          return true;
        },
      },
    },
    async onClient(socket, log) {
      onreadLog = log;
      log.watch(socket, false);
    },
  });

  same('timeouts', {
    onServer(socket, log) {
      log.watch(socket);
    },
    // Short only when it is connected: a loaded machine may need longer than that to connect.
    client: { timeout: 60_000 },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      // Nothing is waited for in between: on a loaded machine the time may be up by then.
      socket.setTimeout(40);
      socket.write('still here');
      await once(socket, 'timeout');
      log.note(`${socket.timeout} ${socket.destroyed}`);
      socket.destroy();
    },
  });

  same('AbortSignal', {
    onServer(socket, log) {
      log.watch(socket);
    },
    client: { signal: AbortSignal.timeout(1e6) },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      socket.end();
    },
  });

  same('pause, resume and flow', {
    async onServer(socket, log) {
      log.watch(socket);
      await new Promise((resolve) => socket.write(pattern(3_000_000), resolve));
      log.note('written');
      socket.end();
    },
    async onClient(socket, log) {
      log.watch(socket);
      let seen = 0;
      socket.on('data', (bytes) => {
        seen += bytes.length;
        if (seen > 1_000_000 && seen < 1_200_000) {
          socket.pause();
          setTimeout(() => socket.resume(), 5);
        }
      });
    },
  });

  same('async iteration', {
    onServer(socket, log) {
      log.watch(socket);
      socket.end(pattern(200_000));
    },
    async onClient(socket, log) {
      let bytes = 0;
      for await (const chunk of socket) bytes += (chunk as Buffer).length;
      log.note(`${bytes} ${socket.destroyed}`);
    },
  });

  same('leaving an async iteration early', {
    onServer(socket, log) {
      socket.on('error', (error: NodeJS.ErrnoException) => log.note(`error ${error.code}`));
      socket.write('x');
    },
    async onClient(socket, log) {
      for await (const chunk of socket) {
        log.note(String(chunk));
        break;
      }
      log.note(`${socket.destroyed}`);
    },
  });

  same('pipe back', {
    onServer(socket, log) {
      log.watch(socket, false);
      socket.pipe(socket);
    },
    async onClient(socket, log) {
      log.watch(socket);
      socket.end(pattern(30_000));
    },
  });

  same('setEncoding and reading by hand', {
    onServer(socket, log) {
      log.watch(socket);
      socket.write('é'.repeat(2000));
      setTimeout(() => socket.end('ß'), 10);
    },
    async onClient(socket, log) {
      socket.setEncoding('utf8');
      let text = '';
      socket.on('readable', () => {
        for (let part = readText(socket); part !== null; part = readText(socket)) text += part;
      });
      await once(socket, 'end');
      log.note(`${text.length} ${text.endsWith('éß')}`);
    },
  });

  same('pauseOnConnect', {
    server: { pauseOnConnect: true },
    async onServer(socket, log) {
      log.note(`${socket.readableFlowing} ${socket.isPaused()}`);
      await delay(20);
      log.watch(socket);
      log.note(`${socket.bytesRead}`);
      socket.resume();
    },
    onClient(socket, log) {
      log.watch(socket);
      socket.end('waiting for you');
    },
  });

  same('options that have no meaning on the SAN', {
    server: { noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 },
    client: { noDelay: true, keepAlive: true },
    onServer(socket, log) {
      log.watch(socket);
      socket.setNoDelay(true).setKeepAlive(false);
      socket.end();
    },
    async onClient(socket, log) {
      log.watch(socket);
      await once(socket, 'connect');
      socket.setNoDelay(false).setKeepAlive(true, 1000);
      log.note(`${(socket as unknown as { _handle: { hasRef(): boolean } })._handle.hasRef()}`);
    },
  });
}

function readText(socket: Socket): string | null {
  return socket.read() as string | null;
}

let onreadLog: Recorder | null = null;
let onreadSocket: Socket | null = null;

function onreadOption(): never {
  const buffer = Buffer.allocUnsafe(3000);
  let pieces = 0;
  return {
    onread: {
      buffer,
      callback(bytes: number, from: Uint8Array): boolean {
        onreadLog?.data(from.subarray(0, bytes));
        if (++pieces % 4 !== 0) return true;
        setTimeout(() => onreadSocket?.resume(), 1);
        return false;
      },
    },
  } as never;
}
