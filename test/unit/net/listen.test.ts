// The accepting side: one listener for both carriers, with everything that net.Server does about connections.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { BlockList, connect, createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { AF_INET, AF_INET6, makeSockaddr } from '../../../src/spi/index.js';
import { reachInternals } from '../../../src/net/index.js';
import { both, close, listen, useMemorySwitch } from './support/both.js';
import { memoryPair } from './support/memory-session.js';

const bench = useMemorySwitch();

async function closed(socket: Socket): Promise<string> {
  const errors: string[] = [];
  socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return errors.join();
}

/** Until it is so, or two seconds have gone: what is asserted afterwards says which. */
async function before2Seconds(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !isSo(); i++) await delay(5);
}

describe('the listener’s own rules', () => {
  both(bench, 'maxConnections and drop', async () => {
    const log: string[] = [];
    const server = createServer((socket) => socket.on('error', () => undefined).resume());
    server.maxConnections = 1;
    server.on('drop', (data) => {
      log.push(`drop ${Object.keys(data ?? {}).join()} ${data?.localPort === port} ${data?.remoteFamily}`);
    });
    const port = await listen(server);
    const first = connect(port, '127.0.0.1');
    await once(first, 'connect');
    await delay(5);
    const second = connect(port, '127.0.0.1');
    log.push(await closed(second));
    log.push(String(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))));
    first.destroy();
    await close(server);
    return log;
  });

  both(bench, 'blockList, where Node has it', async () => {
    const blockList = new BlockList();
    blockList.addAddress('127.0.0.1');
    let connections = 0;
    const server = createServer({ blockList } as object, (socket) => {
      connections++;
      socket.end();
    });
    const port = await listen(server);
    const socket = connect(port, '127.0.0.1');
    const errors = await closed(socket);
    await close(server);
    return { connections, errors };
  });

  both(bench, 'close waits for open connections; listening again on the same server', async () => {
    const log: string[] = [];
    const server = createServer((socket) => socket.pipe(socket));
    for (let i = 0; i < 3; i++) {
      const port = await listen(server);
      const socket = connect(port, '127.0.0.1');
      // One that is closed before it has accepted resets the connection, a kernel's too.
      await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
      server.close(() => log.push('closed'));
      log.push(`listening ${server.listening}`);
      socket.end('still served');
      log.push(String((await once(socket, 'data'))[0]));
      await once(server, 'close');
    }
    return log;
  });

  both(bench, 'a connection listener that throws does not disturb the next', async () => {
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const onThrown = (error: Error): void => {
      thrown.push(error.message);
    };
    process.on('uncaughtException', onThrown);
    let count = 0;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('hi');
      if (++count < 3) throw new Error(`connection ${count}`);
    });
    const port = await listen(server);
    const results: string[] = [];
    for (let i = 0; i < 3; i++) {
      const socket = connect(port, '127.0.0.1');
      results.push(await closed(socket));
    }
    process.removeListener('uncaughtException', onThrown);
    for (const listener of listeners) process.on('uncaughtException', listener);
    await close(server);
    return { thrown, results };
  });

  both(bench, 'an abort signal that closes the server', async () => {
    const controller = new AbortController();
    const server = createServer((socket) => socket.end());
    server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal });
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await closed(socket);
    controller.abort();
    await once(server, 'close');
    return server.listening;
  });
});

describe('the companion', () => {
  test('is not thought of while sockets are made and bound, but when one listens or connects (SOCK-2, SOCK-3, TC-1, TC-2)', async () => {
    const { san } = bench;
    const before = [san.attempts, san.listeners.length];
    const socket = new Socket();
    const server = createServer();
    const reached = reachInternals();
    assert.ok(reached.ok);
    const handle = new reached.internals.TCP(0);
    assert.equal(handle.bind('127.0.0.1', 0), 0);
    const bound: { port?: number } = {};
    handle.getsockname(bound);
    assert.ok(Number(bound.port) > 0, 'TCP/IP has bound it');
    await delay(1);
    assert.deepEqual([san.attempts, san.listeners.length], before);
    const port = await listen(server);
    assert.deepEqual([san.attempts, san.listeners.length], [before[0], before[1] + 1]);
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    assert.equal(san.attempts, before[0] + 1);
    socket.destroy();
    handle.close();
    await close(server);
  });

  test('opens with the listener and closes with it', async () => {
    const server = createServer();
    const port = await listen(server);
    const request = bench.san.on(port);
    assert.ok(request !== undefined);
    assert.equal(request.backlog, 511);
    assert.deepEqual(request.local, makeSockaddr(AF_INET, '127.0.0.1', port));
    assert.ok(request.isEligible());
    assert.equal([...bench.net.listeners()].length, 1);
    await close(server);
    assert.equal(bench.san.on(port), undefined);
    assert.equal(request.isEligible(), false);
    assert.equal([...bench.net.listeners()].length, 0);
  });

  test('knows the backlog', async () => {
    const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 7 });
    await once(server, 'listening');
    assert.equal(bench.san.on((server.address() as AddressInfo).port)?.backlog, 7);
    await close(server);
  });

  test('is not made for what failed to listen, nor for pipes', async () => {
    const server = createServer();
    const port = await listen(server);
    const before = bench.san.listeners.length;
    const second = createServer().listen(port, '127.0.0.1');
    await once(second, 'error');
    const pipe = createServer().listen(`\0sockets-direct-test-${process.pid}`);
    await once(pipe, 'listening');
    assert.equal(bench.san.listeners.length, before);
    await close(pipe);
    await close(server);
  });

  test('steps back when somebody else takes the handle’s connections, as a cluster’s primary does', async () => {
    bench.san.enabled = true;
    const server = createServer();
    const port = await listen(server);
    const request = bench.san.on(port);
    const { _handle: handle } = server as unknown as { _handle: { onconnection: unknown; close(): void } };
    const taken: unknown[] = [];
    handle.onconnection = (_status: number, client: { close(): void }) => {
      taken.push(client);
      client.close();
    };
    assert.equal(request?.isEligible(), false);
    await before2Seconds(() => bench.san.on(port) === undefined);
    assert.equal(bench.san.on(port), undefined, 'no companion for it any more');
    const socket = connect(port, '127.0.0.1');
    await closed(socket);
    assert.equal(taken.length, 1);
    const [ours, theirs] = memoryPair();
    let reset = 0;
    ours.user = { onReset: () => reset++ } as never;
    ours.startReading();
    const name = makeSockaddr(AF_INET, '127.0.0.1', 1);
    request?.onConnection({
      session: theirs,
      provider: 'x',
      local: name,
      remote: name,
      peer: null,
      toSelf: false,
      id: 1,
    });
    await before2Seconds(() => reset > 0);
    assert.equal(reset, 1, 'what comes all the same is reset');
    await close(server);
  });

  test('shows IPv4 peers of a dual-stack listener as IPv6', async () => {
    bench.san.enabled = true;
    bench.san.outcome = 'connect';
    const seen = [];
    for (const enabled of [false, true]) {
      bench.san.enabled = enabled;
      const server = createServer();
      const port = await listen(server, '::');
      const socket = connect(port, '127.0.0.1');
      const [peer] = (await once(server, 'connection')) as [Socket];
      seen.push([peer.remoteAddress, peer.remoteFamily, peer.localAddress, peer.localFamily, peer.localPort === port]);
      if (enabled) {
        const route = bench.net.routes.routeOf(peer);
        assert.equal(route?.carrier, 'san');
        assert.equal(route?.remote?.sa_family, AF_INET6);
      }
      peer.destroy();
      await closed(socket);
      await close(server);
    }
    assert.deepEqual(seen[1], seen[0]);
  });

  test('serves TCP and SAN clients at once, and names each one’s route', async () => {
    bench.san.outcome = 'connect';
    const routes: string[] = [];
    const server = createServer((socket) => {
      const route = bench.net.routes.routeOf(socket);
      routes.push(`${route?.carrier} ${route?.reason}`);
      socket.pipe(socket);
    });
    const port = await listen(server);
    for (const enabled of [true, false, true]) {
      bench.san.enabled = enabled;
      const socket = connect(port, '127.0.0.1');
      socket.end('x');
      await closed(socket);
    }
    assert.deepEqual(routes, ['san null', 'tcp peer-used-tcp', 'san null']);
    await close(server);
  });

  describe('of a worker’s handle in a round-robin cluster (DESIGN D4)', () => {
    interface Hidden {
      _handle: unknown;
      _connections: number;
      _listen2(...args: unknown[]): void;
    }

    /** A server with a handle as `cluster` makes it: a plain object with the name of the primary's socket. */
    const worker = (name: object | null, server = createServer()) => {
      let closes = 0;
      const handle = {
        close() {
          closes++;
        },
        ref() {},
        unref() {},
        listen: () => 0,
        ...(name !== null && { getsockname: (out: object) => (Object.assign(out, name), 0) }),
      };
      const hidden = server as unknown as Hidden;
      hidden._handle = handle;
      hidden._listen2('127.0.0.1', 9, 4, 0);
      return { server, hidden, handle, closes: () => closes };
    };
    const NAME = { address: '127.0.0.1', family: 'IPv4', port: 9 };

    test('opens where the primary listens, and closes with the handle, which is closed too', async () => {
      const { server, handle, closes } = worker(NAME);
      const request = bench.san.on(9);
      assert.deepEqual(request?.local, makeSockaddr(AF_INET, '127.0.0.1', 9));
      assert.equal(request?.tcp, handle);
      assert.ok(request?.isEligible());
      const before = [...bench.net.listeners()].length;
      server.close();
      assert.equal(bench.san.on(9), undefined);
      assert.equal(closes(), 1);
      assert.equal(request?.isEligible(), false);
      assert.equal([...bench.net.listeners()].length, before - 1);
      handle.close(); // a program may do it again
      assert.equal(closes(), 2);
    });

    test('is not made where there is no TCP address', () => {
      const before = bench.san.listeners.length;
      const { hidden } = worker(null);
      assert.equal(bench.san.listeners.length, before);
      hidden._handle = null;
    });

    test('has room as long as the worker would not give a connection back to the primary', () => {
      const { server, hidden } = worker(NAME);
      const request = bench.san.on(9);
      assert.equal(request?.hasRoom(1000), true);
      server.maxConnections = 2;
      hidden._connections = 1;
      assert.deepEqual([request?.hasRoom(0), request?.hasRoom(1)], [true, false]);
      hidden._connections = 2;
      assert.equal(request?.hasRoom(0), false);
      (server as { dropMaxConnection?: boolean }).dropMaxConnection = true;
      // Older ones take no notice of it.
      const [major, minor] = process.versions.node.split('.', 2).map(Number) as [number, number];
      const known = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
      assert.equal(request?.hasRoom(0), known, 'net is to drop it, where it knows that');
      hidden._connections = 0;
      server.close();
    });

    test('a listener with a socket of its own always has room: net drops what is too much', async () => {
      const server = createServer();
      const port = await listen(server);
      server.maxConnections = 1;
      (server as unknown as Hidden)._connections = 1;
      assert.equal(bench.san.on(port)?.hasRoom(0), true);
      (server as unknown as Hidden)._connections = 0;
      await close(server);
    });

    test('that closes with connections still to come: they are the server’s, and it is closed after them', async () => {
      const { server, hidden } = worker(NAME);
      const request = bench.san.on(9);
      const events: string[] = [];
      server.on('connection', (socket) => {
        events.push(`connection ${hidden._connections}`);
        socket.on('close', () => events.push('end'));
        socket.destroy();
      });
      server.on('close', () => events.push('close'));
      bench.san.toCome = 2;
      server.close();
      bench.san.toCome = 0;
      await delay(5);
      assert.deepEqual([events, hidden._connections], [[], 2]);
      const [, session] = memoryPair();
      const name = makeSockaddr(AF_INET, '127.0.0.1', 1);
      request?.onConnection({ session, provider: 'x', local: name, remote: name, peer: null, toSelf: false, id: 1 });
      await before2Seconds(() => events.includes('end'));
      await delay(5);
      assert.deepEqual(events, ['connection 2', 'end']);
      request?.onLost();
      await before2Seconds(() => events.length === 3);
      assert.deepEqual([events.at(-1), hidden._connections], ['close', 0]);
      request?.onLost();
      assert.equal(hidden._connections, 0, 'none is left to be lost');
    });

    test('connections of both carriers reach the program, each with its route', async () => {
      const source: Server = createServer();
      const port = await listen(source);
      const { server, handle } = worker({ ...NAME, port });
      const given = handle as unknown as { onconnection(status: number, client: unknown): void };
      const { _handle: taken } = source as unknown as {
        _handle: { onconnection: (status: number, client: unknown) => void };
      };
      taken.onconnection = (status, client) => given.onconnection(status, client);
      const routes: string[] = [];
      server.on('connection', (socket) => {
        const route = bench.net.routes.routeOf(socket);
        routes.push(`${route?.carrier} ${route?.reason} ${socket.localPort === port}`);
        socket.pipe(socket);
      });
      await before2Seconds(() => bench.san.on(port)?.tcp === handle);
      bench.san.outcome = 'connect';
      for (const enabled of [true, false]) {
        bench.san.enabled = enabled;
        const socket = connect(port, '127.0.0.1');
        socket.end('x');
        await closed(socket);
      }
      assert.deepEqual(routes, ['san null true', 'tcp peer-used-tcp true']);
      server.close();
      (source as unknown as Hidden)._connections = 0;
      await close(source);
    });
  });
});
