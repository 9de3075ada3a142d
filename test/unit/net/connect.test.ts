// The connecting side: every way in which a connect can begin, be answered, or be given up.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { BlockList, connect, createServer, type NetConnectOpts, type Server, Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WSAECONNREFUSED } from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { both, close, listen, useMemorySwitch } from './support/both.js';

const bench = useMemorySwitch();
/** A port where nobody listens. */
const NOBODY = 1;
let server: Server;
let port = 0;
before(async () => {
  server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  port = await listen(server, '0.0.0.0');
});
after(() => close(server));
afterEach(async () => {
  await until(() => bench.san.held === 0, 'the other end of the last connection');
});

function useSan(outcome: typeof bench.san.outcome): void {
  bench.san.enabled = true;
  bench.san.outcome = outcome;
  bench.san.cancelled = 0;
}

/** Until the server has its end too. */
function bothEnds(): Promise<void> {
  return until(() => [...bench.net.routes.live()].length === 2, 'the server’s end');
}

/** All that a connecting socket tells until it is closed. */
async function story(options: Partial<NetConnectOpts>, act?: (socket: Socket) => void): Promise<string[]> {
  const log: string[] = [];
  const socket = connect({ port, host: '127.0.0.1', ...options } as NetConnectOpts);
  for (const event of ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout']) {
    socket.on(event, () => log.push(event));
  }
  socket.on('connect', () => log.push('connect'));
  socket.on('ready', () => log.push('ready'));
  socket.on('timeout', () => log.push('timeout'));
  socket.on('error', (error: NodeJS.ErrnoException) => log.push(`error ${error.code} ${error.syscall ?? ''}`));
  if (act === undefined) socket.on('connect', () => socket.end());
  else act(socket);
  socket.resume();
  log.push(`close ${await new Promise<boolean>((resolve) => socket.once('close', resolve))}`);
  return log;
}

describe('how a connect begins', () => {
  both(bench, 'by address', () => story({}));
  both(bench, 'by name', () => story({ host: 'localhost' }));
  both(bench, 'by name, without happy eyeballs', () =>
    story({ host: 'localhost', family: 4, autoSelectFamily: false }),
  );
  both(bench, 'by a lookup function that gives several addresses', () =>
    story({
      host: 'a.test',
      autoSelectFamily: true,
      lookup: (_name: string, _options: unknown, done: (error: null, list: unknown) => void) => {
        done(null, [
          { address: '127.0.0.1', family: 4 },
          { address: '::1', family: 6 },
        ]);
      },
    } as never),
  );
  both(bench, 'from a local address', () => story({ localAddress: '127.0.0.1' }));
  both(bench, 'by new Socket().connect()', async () => {
    const socket = new Socket();
    socket.setNoDelay(true);
    socket.connect(port, '127.0.0.1', () => socket.end('hello'));
    let text = '';
    for await (const part of socket) text += String(part);
    return text;
  });
  both(bench, 'and again with the same socket', async () => {
    const socket = new Socket();
    let text = '';
    socket.on('data', (part) => (text += String(part)));
    for (let i = 0; i < 3; i++) {
      socket.connect(port, '127.0.0.1', () => socket.end(`hello ${i}`));
      await once(socket, 'close');
    }
    return text;
  });
  both(bench, 'in a socket that inherits', async () => {
    class Mine extends Socket {
      override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
        super._write(
          Buffer.concat([Buffer.from(chunk as string), Buffer.from(chunk as string)]),
          'buffer' as BufferEncoding,
          done,
        );
      }
    }
    const socket = new Mine();
    socket.connect(port, '127.0.0.1');
    socket.end('ab');
    let text = '';
    for await (const part of socket) text += String(part);
    return text;
  });

  test('from a local port', async () => {
    useSan('connect');
    const probe = createServer();
    const localPort = await listen(probe);
    await close(probe);
    const socket = connect({ port, host: '127.0.0.1', localPort });
    await once(socket, 'connect');
    assert.equal(socket.localPort, localPort);
    assert.equal(bench.net.routes.routeOf(socket)?.carrier, 'san');
    socket.end().resume();
    await once(socket, 'close');
  });

  test('a refused address is refused before the switch is asked', {
    skip: !('blockList' in createServer()) && false,
  }, async () => {
    useSan('connect');
    const blockList = new BlockList();
    blockList.addAddress('127.0.0.1');
    const attempts = bench.san.attempts;
    const log = await story({ blockList } as never);
    if (log[0] === 'connectionAttempt' && log.length > 3) return; // a Node that knows no blockList here
    assert.equal(bench.san.attempts, attempts);
  });
});

describe('how a connect is answered', () => {
  test('by the switch, at once: stay on TCP', async () => {
    bench.san.enabled = false;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    assert.equal(bench.net.routes.routeOf(socket)?.reason, 'switch-off');
    socket.end().resume();
    await once(socket, 'close');
    assert.equal(bench.net.routes.routeOf(socket)?.reason, 'switch-off', 'also after the end');
  });

  test('by nobody: a listener that is not announced and answers on TCP is asked about once', async () => {
    useSan('connect');
    bench.san.unannounced.add(port);
    const { lookups } = bench.san;
    const twice = async (act: (socket: Socket) => void): Promise<void> => {
      for (let i = 0; i < 2; i++) await story({}, act);
    };
    try {
      await twice((socket) => socket.on('connect', () => socket.end('x')));
      assert.equal(bench.san.lookups, lookups + 1);
      bench.san.plain.delete(port);
      // Nothing went either way: who knows that anybody was there?
      await twice((socket) => socket.on('connect', () => socket.destroy()));
      await twice((socket) => socket.on('connect', () => socket.resetAndDestroy()));
      assert.equal(bench.san.lookups, lookups + 5);
    } finally {
      bench.san.unannounced.delete(port);
    }
  });

  test('by nobody, not even on TCP: the next one asks again', async () => {
    useSan('connect');
    bench.san.unannounced.add(NOBODY);
    const { lookups } = bench.san;
    for (let i = 0; i < 3; i++) assert.ok((await story({ port: NOBODY })).includes('error ECONNREFUSED connect'));
    assert.equal(bench.san.lookups, lookups + 3);
    assert.equal(bench.san.plain.size, 0);
  });

  test('by a fallback: TCP goes on with the same handle', async () => {
    useSan('fallback');
    const socket = connect(port, '127.0.0.1');
    assert.equal(bench.net.routes.routeOf(socket), null);
    await once(socket, 'connect');
    const route = bench.net.routes.routeOf(socket);
    assert.equal(route?.carrier, 'tcp');
    assert.equal(route?.reason, 'listener-busy');
    assert.equal(route?.remote?.sin_port, port);
    assert.equal(route?.local?.sin_port, socket.localPort);
    socket.end('over tcp');
    assert.equal(String((await once(socket, 'data'))[0]), 'over tcp');
    await once(socket, 'close');
  });

  test('by a fallback to where nobody listens', async () => {
    useSan('fallback');
    assert.deepEqual(await story({ port: NOBODY }), [
      'connectionAttempt',
      'connectionAttemptFailed',
      'error ECONNREFUSED connect',
      'close true',
    ]);
  });

  test('by an error of the switch, as TCP shows it', async () => {
    bench.san.enabled = false;
    const messages: string[] = [];
    const expected = await story({ port: NOBODY }, (socket) =>
      socket.on('error', (error) => messages.push(String(error))),
    );
    useSan({ error: WSAECONNREFUSED });
    const actual = await story({ port: NOBODY }, (socket) =>
      socket.on('error', (error) => messages.push(String(error))),
    );
    assert.deepEqual(actual, expected);
    assert.equal(messages[0], messages[1]);
  });

  test('on the SAN: the route, with names and peer', async () => {
    useSan('connect');
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const route = bench.net.routes.routeOf(socket);
    assert.equal(route?.carrier, 'san');
    assert.equal(route?.provider, 'memory');
    assert.equal(route?.reason, null);
    assert.equal(route?.local?.sin_port, socket.localPort);
    assert.equal(route?.remote?.sin_port, port);
    assert.equal(route?.peer?.pid, process.pid);
    await bothEnds();
    const live = [...bench.net.routes.live()];
    assert.deepEqual(live.map(({ role, carrier }) => `${role} ${carrier}`).sort(), ['accept san', 'connect san']);
    assert.equal(new Set(live.map(({ id }) => id)).size, 2);
    socket.write('12345');
    await once(socket, 'data');
    const { read, written } = bench.net.routes.sanBytes();
    assert.deepEqual([read, written], [10, 10], 'of both ends');
    socket.end().resume();
    await once(socket, 'close');
    assert.equal(bench.net.routes.routeOf(socket)?.carrier, 'san', 'also after the end');
    assert.deepEqual(bench.net.routes.sanBytes(), { read: 0, written: 0 });
  });
});

describe('how a connect is given up (BLOCK-1, BLOCK-3)', () => {
  test('destroy', async () => {
    useSan('nothing');
    const log = await story({}, (socket) => setTimeout(() => socket.destroy(), 10));
    assert.deepEqual(log, ['connectionAttempt', 'close false']);
    assert.equal(bench.san.cancelled, 1);
  });

  test('destroy with an error', async () => {
    useSan('nothing');
    const log = await story({}, (socket) => setTimeout(() => socket.destroy(new Error('no')), 10));
    assert.deepEqual(log, ['connectionAttempt', 'error undefined ', 'close true']);
    assert.equal(bench.san.cancelled, 1);
  });

  test('an AbortSignal', async () => {
    useSan('nothing');
    const log = await story({ signal: AbortSignal.timeout(10) });
    assert.equal(log.at(-1), 'close true');
    assert.ok(
      log.includes('error ABORT_ERR ') || log.includes('error 20 ') || log.some((line) => line.startsWith('error')),
    );
    assert.equal(bench.san.cancelled, 1);
  });

  test('the program’s own time limit', async () => {
    useSan('nothing');
    const log = await story({ timeout: 15 }, (socket) => socket.on('timeout', () => socket.destroy()));
    assert.deepEqual(log, ['connectionAttempt', 'timeout', 'close false']);
    assert.equal(bench.san.cancelled, 1);
  });

  test('happy eyeballs: 250 ms, and on to the next address', async () => {
    useSan('nothing');
    let attempt = 0;
    const log = await story(
      {
        host: 'a.test',
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: 20,
        lookup: (_name: string, _options: unknown, done: (error: null, list: unknown) => void) => {
          process.nextTick(done, null, [
            { address: '127.0.0.1', family: 4 },
            { address: '127.0.0.2', family: 4 },
          ]);
        },
      } as never,
      (socket) => {
        socket.on('connectionAttempt', () => {
          if (++attempt === 2) bench.san.outcome = 'connect';
        });
        socket.on('connect', () => {
          assert.equal(socket.remoteAddress, '127.0.0.2');
          socket.end();
        });
      },
    );
    assert.deepEqual(log, [
      'lookup',
      'lookup',
      'connectionAttempt',
      'connectionAttemptTimeout',
      'connectionAttempt',
      'connect',
      'ready',
      'close false',
    ]);
    assert.equal(bench.san.cancelled, 1);
  });

  test('an answer that comes too late hurts nobody', async () => {
    useSan('nothing');
    let late: Parameters<typeof bench.san.connect>[0] | undefined;
    const plain = bench.san.connect.bind(bench.san);
    bench.san.connect = (request) => {
      late = request;
      return plain(request);
    };
    try {
      const socket = connect(port, '127.0.0.1');
      await until(() => late !== undefined, 'the request');
      socket.destroy();
      let reset = 0;
      const session = { reset: () => reset++ };
      late!.onEstablished({ session } as never);
      late!.onFallback('listener-busy');
      late!.onError(WSAECONNREFUSED);
      assert.equal(reset, 1);
      await once(socket, 'close');
    } finally {
      bench.san.connect = plain;
    }
  });
});

describe('references', () => {
  test('a connect under way holds the loop, referenced or not', async () => {
    useSan('nothing');
    const socket = connect(port, '127.0.0.1');
    await until(() => bench.san.held === 1, 'the connect');
    socket.unref();
    assert.equal(bench.san.held, 1);
    socket.destroy();
    assert.equal(bench.san.held, 0);
    await once(socket, 'close');
  });

  test('a socket that reads holds it; paused, unreferenced or ended ones do not', async () => {
    useSan('connect');
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    await until(() => bench.san.held === 2, 'the server’s end, which reads as well');
    socket.unref();
    assert.equal(bench.san.held, 1);
    socket.ref();
    assert.equal(bench.san.held, 2);
    socket.on('data', () => undefined);
    socket.end('x');
    await once(socket, 'end');
    await until(() => bench.san.held === 0, 'both ends, which have read all');
    socket.destroy();
  });

  test('unref before connected carries over', async () => {
    useSan('connect');
    const socket = connect(port, '127.0.0.1');
    socket.unref();
    await once(socket, 'connect');
    await bothEnds();
    await delay(30);
    assert.equal(bench.san.held, 1, 'only the server’s end');
    socket.destroy();
  });

  test('a pending write holds it even unreferenced', async () => {
    useSan('connect');
    bench.san.window = 1000;
    const sink = createServer({ pauseOnConnect: true }, (socket) => setTimeout(() => socket.resume(), 30));
    const sinkPort = await listen(sink);
    const socket = connect(sinkPort, '127.0.0.1');
    await once(socket, 'connect');
    socket.unref();
    let written = false;
    socket.write(Buffer.alloc(50_000), () => (written = true));
    assert.equal(bench.san.held, 1);
    while (!written) await delay(30);
    assert.equal(bench.san.held, 1, 'now the server reads');
    socket.destroy();
    await close(sink);
  });
});
