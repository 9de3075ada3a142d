// HTTP, HTTP/2 and TLS on top of hybrid handles, compared with TCP. HTTP/2 and TLS read and write a socket natively.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe } from 'node:test';
import tls from 'node:tls';
import { makeCertificate } from '../../support/certificate.js';
import { both, close, listen, useMemorySwitch } from './support/both.js';
import { pattern } from './support/conversation.js';

const bench = useMemorySwitch();
const certificate = makeCertificate();
const BIG = pattern(1_500_000);

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString('latin1');
}

describe('http', () => {
  both(bench, 'keep-alive: many requests on one connection', async () => {
    const seen: string[] = [];
    const server = http.createServer((req, res) => {
      void text(req).then((body) => {
        seen.push(`${req.method} ${req.url} ${body.length} ${req.socket.remoteAddress}`);
        if (req.url === '/big') res.end(BIG);
        else if (req.url === '/chunks') {
          for (const part of ['a', 'b', 'c']) res.write(part);
          res.end();
        } else res.end(body);
      });
    });
    let connections = 0;
    server.on('connection', () => connections++);
    const port = await listen(server);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const [path, body] of [
      ['/a', 'hello'],
      ['/b', 'x'.repeat(100_000)],
      ['/big', ''],
      ['/chunks', ''],
      ['/c', 'é'],
    ] as const) {
      const req = http.request({ port, host: '127.0.0.1', agent, path, method: 'POST' });
      req.end(body);
      const [res] = (await once(req, 'response')) as [http.IncomingMessage];
      seen.push(`${res.statusCode} ${(await text(res)).length} ${req.reusedSocket}`);
    }
    agent.destroy();
    await close(server);
    return { seen, connections };
  });

  both(bench, 'upgrade and expect: 100-continue', async () => {
    const seen: string[] = [];
    const server = http.createServer((req, res) => {
      void text(req).then((body) => res.end(`got ${body}`));
    });
    server.on('upgrade', (_req, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhi');
      socket.on('data', (bytes) => seen.push(`server: ${String(head)}${String(bytes)}`));
      socket.on('end', () => socket.end());
    });
    const port = await listen(server);
    const upgrade = http.request({ port, host: '127.0.0.1', headers: { Connection: 'Upgrade', Upgrade: 'x' } });
    upgrade.end();
    const [, socket, head] = (await once(upgrade, 'upgrade')) as [unknown, Socket, Buffer];
    seen.push(`client: ${String(head)}`);
    socket.end('over and out');
    socket.resume();
    await once(socket, 'close');
    const req = http.request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      agent: false,
      headers: { Expect: '100-continue' },
    });
    req.flushHeaders();
    await once(req, 'continue');
    req.end('body');
    const [res] = (await once(req, 'response')) as [http.IncomingMessage];
    seen.push(await text(res));
    await close(server);
    return seen;
  });

  both(bench, 'a client that goes away in the middle of a response', async () => {
    const seen: string[] = [];
    let finished: () => void;
    const done = new Promise<void>((resolve) => (finished = resolve));
    const server = http.createServer((req, res) => {
      req.on('close', () => seen.push('request closed'));
      res.on('close', () => {
        seen.push(`response closed ${res.writableFinished}`);
        finished();
      });
      res.write(BIG);
    });
    const port = await listen(server);
    const req = http.get({ port, host: '127.0.0.1', agent: false });
    const [res] = (await once(req, 'response')) as [http.IncomingMessage];
    await once(res, 'data');
    res.on('error', (error: NodeJS.ErrnoException) => seen.push(`client ${error.code}`));
    res.destroy();
    await done;
    await close(server);
    return seen;
  });

  both(bench, 'fetch', async () => {
    const server = http.createServer((_req, res) => res.end(BIG));
    const port = await listen(server);
    const lengths: number[] = [];
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      lengths.push((await response.arrayBuffer()).byteLength);
    }
    server.closeAllConnections();
    await close(server);
    return lengths;
  });
});

describe('http2', () => {
  both(bench, 'clear: several streams, a push of data both ways, headers', async () => {
    const server = http2.createServer();
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200, path: headers[':path'] });
      if (headers[':path'] === '/big') stream.end(BIG);
      else stream.pipe(stream);
    });
    const port = await listen(server);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const results = await Promise.all(
      ['/big', '/echo', '/big', '/echo2'].map(async (path) => {
        const stream = session.request({ ':path': path, ':method': 'POST' });
        stream.end(path === '/big' ? '' : BIG.subarray(0, 300_000));
        const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
        return `${path} ${String(headers['path'])} ${(await text(stream)).length}`;
      }),
    );
    session.close();
    await once(session, 'close');
    await close(server);
    return results;
  });

  both(bench, 'a session that is destroyed, seen from the other side', async () => {
    const seen: string[] = [];
    const server = http2.createServer();
    let closing: () => void;
    const serverClosed = new Promise<void>((resolve) => (closing = resolve));
    server.on('session', (session) => {
      session.on('close', () => {
        seen.push('server session closed');
        closing();
      });
      session.on('error', (error: NodeJS.ErrnoException) => seen.push(`server session ${error.code}`));
    });
    server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      stream.respond();
      stream.write('some');
    });
    const port = await listen(server);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', (error: NodeJS.ErrnoException) => seen.push(`client session ${error.code}`));
    const stream = session.request();
    stream.on('error', (error: NodeJS.ErrnoException) => seen.push(`client stream ${error.code}`));
    await once(stream, 'data');
    session.destroy();
    await Promise.all([once(session, 'close'), serverClosed]);
    await close(server);
    return seen;
  });

  both(bench, 'ping and settings', async () => {
    const server = http2.createServer({ settings: { maxConcurrentStreams: 7 } });
    const port = await listen(server);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const [settings] = (await once(session, 'remoteSettings')) as [http2.Settings];
    const payload = await new Promise<string>((resolve, reject) => {
      session.ping(Buffer.from('12345678'), (error, _ms, bytes) => (error ? reject(error) : resolve(String(bytes))));
    });
    session.close();
    await once(session, 'close');
    await close(server);
    return [settings.maxConcurrentStreams, payload];
  });
});

/** A server that speaks a line in the clear and then TLS on the same raw socket, and a client likewise. */
async function startTls(
  talk: (client: tls.TLSSocket, log: string[]) => Promise<void>,
  serve: (socket: tls.TLSSocket, log: string[]) => void,
  options: tls.ConnectionOptions = {},
): Promise<{ client: string[]; server: string[] }> {
  const log = { client: [] as string[], server: [] as string[] };
  const context = tls.createSecureContext(certificate);
  let serverDone: Promise<unknown> = Promise.resolve();
  let secureDone: Promise<unknown> = Promise.resolve();
  const server = createServer((raw) => {
    serverDone = closeOf(raw);
    raw.once('data', (line) => {
      log.server.push(`clear: ${String(line)}`);
      raw.write('go ahead\n', () => {
        const secure = new tls.TLSSocket(raw, { isServer: true, secureContext: context, ALPNProtocols: ['h2', 'x'] });
        watch(secure, log.server);
        secureDone = closeOf(secure);
        serve(secure, log.server);
      });
    });
    raw.on('close', () => log.server.push('raw closed'));
    raw.on('error', (error: NodeJS.ErrnoException) => log.server.push(`raw ${error.code}`));
  });
  const port = await listen(server);
  const raw = connect(port, '127.0.0.1');
  raw.on('close', () => log.client.push('raw closed'));
  raw.write('STARTTLS\n');
  const [answer] = (await once(raw, 'data')) as [Buffer];
  log.client.push(`clear: ${String(answer)}`);
  raw.pause();
  const client = tls.connect({ socket: raw, rejectUnauthorized: false, servername: 'localhost', ...options });
  watch(client, log.client);
  const closed = Promise.all([closeOf(client), closeOf(raw)]);
  await once(client, 'secureConnect');
  log.client.push(`secure ${client.alpnProtocol} ${client.remoteAddress}`);
  assert.equal(bench.net.routes.routeOf(client)?.carrier, bench.san.enabled ? 'san' : 'tcp');
  await talk(client, log.client);
  await Promise.all([closed, serverDone, secureDone]);
  await close(server);
  return log;
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function watch(socket: tls.TLSSocket, log: string[]): void {
  for (const event of ['end', 'finish']) socket.on(event, () => log.push(event));
  socket.on('close', (hadError) => log.push(`close ${hadError}`));
  socket.on('error', (error: NodeJS.ErrnoException) => log.push(`error ${error.code}`));
}

describe('TLS over a raw socket', () => {
  both(bench, 'STARTTLS: echo of 1.5 MB', () =>
    startTls(
      async (client, log) => {
        client.end(BIG);
        log.push(`${(await text(client)).length}`);
      },
      (socket) => socket.pipe(socket),
    ),
  );

  both(bench, 'STARTTLS: the server destroys', () =>
    startTls(
      async (client) => {
        client.resume();
        await once(client, 'close');
      },
      (socket) => {
        socket.on('secure', () => setTimeout(() => socket.destroy(), 10));
      },
    ),
  );

  // The reset comes when the client has read all that was sent before it: where TCP finds data and a reset in one turn,
  // libuv calls it an end (uv__stream_io's POLLHUP).
  both(bench, 'STARTTLS: the server resets the connection', () =>
    startTls(
      async (client) => {
        client.once('data', () => client.write('reset me'));
        client.resume();
        client.write('x');
        await new Promise((resolve) => client.once('close', resolve));
      },
      (socket) => {
        socket.once('data', () => {
          socket.write('y');
          socket.once('data', () => (socket as unknown as { _parent: Socket })._parent.resetAndDestroy());
        });
      },
    ),
  );

  both(bench, 'HTTPS through a tunnel made by the agent', async () => {
    const server = https.createServer(certificate, (req, res) => {
      void text(req).then((body) => res.end(`${req.method} ${body.length}`));
    });
    const front = createServer((raw) => server.emit('connection', raw));
    const port = await listen(front);
    const answers: string[] = [];
    let tunnels = 0;
    class TunnelAgent extends https.Agent {
      override createConnection(
        _options: unknown,
        callback?: (error: Error | null, stream: Duplex) => void,
      ): undefined {
        tunnels++;
        const raw = connect(port, '127.0.0.1', () => {
          callback?.(null, tls.connect({ socket: raw, rejectUnauthorized: false, servername: 'localhost' }));
        });
      }
    }
    const agent = new TunnelAgent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 3; i++) {
      const req = https.request({ agent, method: 'POST', host: 'localhost' });
      req.end(BIG.subarray(0, 1000 * i));
      const [res] = (await once(req, 'response')) as [http.IncomingMessage];
      answers.push(`${res.statusCode} ${await text(res)}`);
    }
    agent.destroy();
    await close(front);
    return { answers, tunnels };
  });

  both(bench, 'HTTP/2 over TLS over a raw socket', async () => {
    const server = http2.createSecureServer(certificate);
    server.on('stream', (stream) => {
      stream.respond();
      stream.end(BIG);
    });
    const front = createServer((raw) => server.emit('connection', raw));
    const port = await listen(front);
    const raw = connect(port, '127.0.0.1');
    await once(raw, 'connect');
    const session = http2.connect('https://localhost', {
      createConnection: () =>
        tls.connect({ socket: raw, rejectUnauthorized: false, servername: 'localhost', ALPNProtocols: ['h2'] }),
    });
    const lengths = await Promise.all(
      [1, 2, 3].map(async () => {
        const stream = session.request();
        return (await text(stream)).length;
      }),
    );
    session.close();
    await once(session, 'close');
    await close(front);
    return lengths;
  });
});
