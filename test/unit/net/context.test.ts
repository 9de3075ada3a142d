// In which async context the program hears of things, and what becomes of its exceptions: as on TCP.
import { strict as assert } from 'node:assert';
import { AsyncLocalStorage, createHook, executionAsyncId } from 'node:async_hooks';
import domain from 'node:domain';
import { once } from 'node:events';
import http from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../support/until.js';
import { both, close, listen, useMemorySwitch } from './support/both.js';

const bench = useMemorySwitch();
const storage = new AsyncLocalStorage<string>();

function record(socket: Socket, log: string[], who: string): void {
  for (const event of ['connect', 'ready', 'data', 'end', 'finish', 'drain', 'close', 'timeout']) {
    socket.on(event, () => log.push(`${who} ${event} ${storage.getStore()}`));
  }
  socket.on('error', (error: NodeJS.ErrnoException) => log.push(`${who} ${error.code} ${storage.getStore()}`));
}

describe('AsyncLocalStorage', () => {
  both(bench, 'of a server, its connections, and a client', async () => {
    const log: string[] = [];
    const served: string[] = [];
    const server = storage.run('listener', () => {
      const made = createServer((socket) => {
        served.push(`connection ${storage.getStore()}`);
        record(socket, served, 'server');
        socket.once('data', () => {
          storage.run('answer', () => socket.write('answer', () => served.push(`written ${storage.getStore()}`)));
        });
      });
      made.listen(0, '127.0.0.1');
      return made;
    });
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const socket = storage.run('client', () => connect(port, '127.0.0.1'));
    record(socket, log, 'client');
    await once(socket, 'connect');
    storage.run('request', () => socket.write('x', () => log.push(`written ${storage.getStore()}`)));
    await once(socket, 'data');
    storage.run('end', () => socket.end());
    await once(socket, 'close');
    await close(server);
    await delay(10);
    return { log, served };
  });

  both(bench, 'of a pending write and of a large one', async () => {
    const log: string[] = [];
    const server = createServer({ pauseOnConnect: true }, (socket) => setTimeout(() => socket.resume(), 20));
    const port = await listen(server);
    const socket = storage.run('client', () => connect(port, '127.0.0.1'));
    await once(socket, 'connect');
    storage.run('big', () => {
      socket.on('drain', () => log.push(`drain ${storage.getStore()}`));
      socket.write(Buffer.alloc(20_000_000), () => log.push(`written ${storage.getStore()}`));
    });
    await once(socket, 'drain');
    socket.destroy();
    await close(server);
    return log;
  });

  both(bench, 'of HTTP requests on a connection that is kept alive', async () => {
    const log: string[] = [];
    const server = http.createServer((req, res) => {
      log.push(`request ${storage.getStore()}`);
      storage.run(`serving ${req.url}`, () => {
        // Not compared: the context of a request's 'end', which on TCP depends on how headers and body arrive. (Node
        // drains its tick queue between the parser's callbacks there; under a callback of ours it does not.)
        req.on('end', () => storage.run(`answering ${req.url}`, () => res.end('x', sent)));
        const sent = (): void => {
          log.push(`sent ${storage.getStore()}`);
        };
        req.resume();
      });
    });
    const port = await listen(server);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const path of ['/1', '/2', '/3']) {
      await storage.run(`asking ${path}`, async () => {
        const req = http.request({ port, host: '127.0.0.1', path, agent, method: 'POST' });
        req.on('response', () => log.push(`response ${storage.getStore()}`));
        req.on('socket', (socket) => socket.once('data', () => log.push(`socket data ${storage.getStore()}`)));
        req.end('body');
        const [res] = (await once(req, 'response')) as [http.IncomingMessage];
        res.on('end', () => log.push(`response end ${storage.getStore()}`));
        res.resume();
        await once(res, 'end');
      });
    }
    agent.destroy();
    await close(server);
    return log;
  });
});

describe('async_hooks and domains', () => {
  both(bench, 'a domain catches what its socket’s listeners throw', async () => {
    const log: string[] = [];
    const server = createServer((socket) => socket.end('x'));
    const port = await listen(server);
    const d = domain.create();
    const caught = new Promise<void>((resolve) => {
      d.on('error', (error: Error) => {
        log.push(error.message);
        resolve();
      });
    });
    const socket = d.run(() => connect(port, '127.0.0.1'));
    socket.on('data', () => {
      throw new Error('from data');
    });
    await caught;
    socket.destroy();
    await close(server);
    return log;
  });

  test('every callback has an execution id, and a TCPWRAP is announced and destroyed for each end', async () => {
    bench.san.enabled = true;
    const types = new Map<number, string>();
    const destroyed = new Set<number>();
    const hook = createHook({
      init: (id, type) => {
        types.set(id, type);
      },
      destroy: (id) => {
        destroyed.add(id);
      },
    }).enable();
    const inData = new Set<number>();
    const server = createServer((socket) => {
      socket.on('data', () => inData.add(executionAsyncId()));
      socket.on('end', () => socket.end());
    });
    const port = await listen(server);
    const socket = connect(port, '127.0.0.1');
    socket.end('x');
    socket.resume();
    await once(socket, 'close');
    await close(server);
    assert.equal(inData.size, 1);
    const [id] = inData;
    assert.equal(types.get(id), 'TCPWRAP');
    await until(() => destroyed.has(id ?? 0), 'destroyed with the handle');
    hook.disable();
  });
});

describe('exceptions', () => {
  /** What a client hears, and what reaches uncaughtException, where it throws in the listeners of `throwing`. */
  async function thrownIn(
    throwing: readonly string[],
    talk: (socket: Socket, heard: readonly string[], served: Promise<unknown>) => Promise<void>,
  ): Promise<{ heard: string[]; thrown: string[] }> {
    const thrown: string[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error, origin) => thrown.push(`${error.message} ${origin}`));
    try {
      const server = createServer((socket) => socket.pipe(socket));
      const served = once(server, 'connection').then(([peer]) => once(peer as Socket, 'close'));
      const port = await listen(server);
      const socket = connect(port, '127.0.0.1');
      const heard: string[] = [];
      for (const event of ['connect', 'data', 'end', 'finish', 'close']) {
        socket.on(event, (part: unknown) => {
          heard.push(event === 'data' ? String(part) : event);
          if (throwing.includes(event)) throw new Error(`in ${event}`);
        });
      }
      await until(() => heard.includes('connect'), 'connect');
      await talk(socket, heard, served);
      // What has thrown may have kept the socket from closing itself.
      socket.destroy();
      await until(() => heard.includes('close'), 'close');
      await close(server);
      return { heard, thrown };
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  }

  // Node begins to read after 'connect', and does not where that throws.
  both(bench, 'in the listener of connect: uncaughtException, and the connection goes on', async () => {
    const { heard, thrown } = await thrownIn(['connect'], async (socket, _heard, served) => {
      socket.end('one');
      await served;
    });
    assert.deepEqual(heard, ['connect', 'finish', 'close']);
    return thrown;
  });

  both(bench, 'in any later listener: uncaughtException, and the connection goes on', async () => {
    const { heard, thrown } = await thrownIn(['data', 'end', 'finish', 'close'], async (socket, heard) => {
      for (const text of ['one', 'two', 'three']) {
        if (text === 'three') socket.end(text);
        else socket.write(text);
        await until(() => heard.includes(text), text);
      }
      await until(() => heard.includes('end') && heard.includes('finish'), 'end and finish');
    });
    assert.equal(thrown.length, 6);
    return { heard, thrown };
  });
});
