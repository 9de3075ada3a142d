// TLS clients that make their TCP handle themselves, or take one that is still connecting: on the SAN as on TCP.
import { strict as assert } from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { connect, createServer, type AddressInfo, type LookupFunction, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { makeCertificate } from '../../support/certificate.js';
import { both, close, listen, useMemorySwitch } from './support/both.js';
import { pattern } from './support/conversation.js';

const bench = useMemorySwitch();
const certificate = makeCertificate();
const BIG = pattern(1_500_000);
const storage = new AsyncLocalStorage<string>();
type Log = string[];
/** What Node documents and its types leave out. */
type Settable = tls.TLSSocket & {
  setSession(session: Buffer): void;
  setServername(name: string): void;
  readonly secureConnecting: boolean;
};

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString('latin1');
}

const EVENTS = ['lookup', 'connect', 'ready', 'secureConnect', 'end', 'finish', 'timeout', 'OCSPResponse'];

/** Every event with its order, and in which context it came. */
function record(socket: Socket, log: Log, who = '', bytes = true): void {
  for (const event of EVENTS) socket.on(event, () => log.push(`${who}${event} ${storage.getStore()}`));
  socket.on('error', (error: NodeJS.ErrnoException) => log.push(`${who}error ${error.code ?? error.message}`));
  socket.on('close', (hadError) => {
    over.add(socket);
    log.push(`${who}close ${hadError} ${bytes ? `${socket.bytesRead} ${socket.bytesWritten}` : ''}`);
  });
}

const client = (port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket =>
  tls.connect({ port, host: '127.0.0.1', ca: certificate.cert, servername: 'localhost', ...options });

/** Whether a TLS client goes the way it should. */
function assertRoute(socket: object): void {
  assert.equal(bench.net.routes.routeOf(socket)?.carrier, bench.san.enabled ? 'san' : 'tcp');
}

/** Sockets of this file whose 'close' has been emitted: `closed` says so a little earlier. */
const over = new WeakSet<Socket>();

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (over.has(socket) ? resolve() : socket.once('close', () => resolve())));

/** A TLS server that echoes; `served` says what it has seen of each connection, `log` is for the client. */
async function echo(
  options: tls.TlsOptions = {},
): Promise<{ server: tls.Server; port: number; log: Log; served: Log }> {
  const served: Log = [];
  const server = tls.createServer({ ...certificate, ...options }, (socket) => {
    served.push(`${String(socket.servername)} ${String(socket.alpnProtocol)} ${socket.isSessionReused()}`);
    socket.on('error', (error: NodeJS.ErrnoException) => served.push(`error ${error.code}`));
    socket.pipe(socket);
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => served.push(`tlsClientError ${error.code}`));
  return { server, port: await listen(server), log: [], served };
}

/** Says a word, hears it, ends. */
async function talk(socket: tls.TLSSocket, log: Log, words: Buffer | string = 'hello'): Promise<void> {
  record(socket, log);
  await once(socket, 'secureConnect');
  assertRoute(socket);
  socket.end(words);
  const heard = await text(socket);
  log.push(`heard ${heard.length} ${heard === words.toString('latin1' as BufferEncoding)}`);
  await closed(socket);
}

describe('tls.connect', () => {
  both(bench, 'echo of a word and of 1.5 MB, and what a socket says of itself', async () => {
    const { server, port, log, served } = await echo();
    const seen: unknown[] = [];
    const socket = client(port);
    socket.on('secureConnect', () => {
      seen.push(socket.encrypted, socket.authorized, socket.authorizationError, socket.getProtocol());
      seen.push(socket.getCipher().name, socket.getPeerCertificate().subject.CN, socket.remoteAddress);
      seen.push(socket.isSessionReused(), socket.remotePort === port, typeof socket.localPort, socket.connecting);
      seen.push(socket.getPeerX509Certificate()?.checkHost('localhost'), socket.getFinished()?.length);
      seen.push(socket.exportKeyingMaterial(16, 'label', Buffer.alloc(0)).length, socket.setMaxSendFragment(1024));
      seen.push(socket.address() !== null, socket.setNoDelay() === socket, socket.setKeepAlive() === socket);
    });
    await talk(socket, log);
    await talk(client(port), log, BIG);
    await close(server);
    return { log, seen, served };
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    both(bench, `a session is resumed, ${version}`, async () => {
      const { server, port, log, served } = await echo({ maxVersion: version, minVersion: version });
      const first = client(port);
      const sessions: Buffer[] = [];
      first.on('session', (session) => {
        sessions.push(session);
        log.push(`session ${storage.getStore()} ${session.length > 0}`);
      });
      await talk(first, log);
      const session = sessions.at(-1);
      assert.ok(session);
      // As an option, and set on the socket.
      const second = client(port, { session });
      second.on('secureConnect', () => log.push(`reused ${second.isSessionReused()}`));
      await talk(second, log);
      const third = client(port) as Settable;
      third.setSession(session);
      third.on('secureConnect', () => log.push(`reused ${third.isSessionReused()}`));
      await talk(third, log);
      await close(server);
      return { log, served };
    });
  }

  both(bench, 'servername, ALPN, OCSP, keylog, a pre-shared key', async () => {
    const { server, port, log, served } = await echo({ ALPNProtocols: ['b', 'c'] });
    server.addContext('other.test', certificate);
    server.on('OCSPRequest', (_certificate, _issuer, callback) => callback(null, Buffer.from('fine')));
    const socket = client(port, { servername: 'localhost', ALPNProtocols: ['a', 'b'], ...{ requestOCSP: true } });
    let lines = 0;
    socket.on('keylog', () => lines++);
    socket.on('OCSPResponse', (response: Buffer) => log.push(String(response)));
    await talk(socket, log);
    log.push(`${lines > 0} ${String(socket.alpnProtocol)}`);
    const other = client(port, { checkServerIdentity: () => undefined }) as Settable;
    other.setServername('other.test');
    await talk(other, log);
    await close(server);

    const psk = Buffer.from('0123456789abcdef');
    const ciphers = 'PSK+HIGH:TLS_AES_128_GCM_SHA256';
    const keyed = tls.createServer({ ciphers, pskIdentityHint: 'hint', pskCallback: () => psk }, (peer) => {
      peer.pipe(peer);
    });
    const keyedPort = await listen(keyed);
    const pskCallback = (): { psk: Buffer; identity: string } => ({ psk, identity: 'me' });
    const options = { port: keyedPort, host: '127.0.0.1', ciphers, pskCallback, checkServerIdentity: () => undefined };
    await talk(tls.connect({ ...options, maxVersion: 'TLSv1.2' } as tls.ConnectionOptions), log);
    await close(keyed);
    return { log, served };
  });

  both(bench, 'renegotiation', async () => {
    const { server, port, log, served } = await echo({ maxVersion: 'TLSv1.2' });
    const socket = client(port);
    socket.once('secureConnect', () => {
      socket.renegotiate({ rejectUnauthorized: true }, (error) => {
        log.push(`renegotiated ${String(error)}`);
        socket.end('over');
      });
    });
    record(socket, log);
    log.push(await text(socket));
    await closed(socket);
    await close(server);
    return { log, served };
  });

  both(bench, 'the buffer of an onread option', async () => {
    const { server, port, log, served } = await echo();
    const buffer = Buffer.alloc(1000);
    const parts: Buffer[] = [];
    const onread = {
      buffer,
      callback: (length: number, bytes: Uint8Array) => {
        parts.push(Buffer.from(bytes.subarray(0, length)));
        log.push(String(bytes === buffer));
        return true;
      },
    };
    const socket = client(port, { onread } as tls.ConnectionOptions);
    record(socket, log);
    socket.end('for the buffer');
    await closed(socket);
    await close(server);
    return [...new Set(log), ...served, Buffer.concat(parts).toString()];
  });

  both(bench, 'AsyncLocalStorage', async () => {
    const { server, port, served } = await echo();
    const log: Log = [];
    const socket = storage.run('client', () => client(port));
    socket.on('session', () => log.push(`session ${storage.getStore()}`));
    socket.once('data', () => log.push(`data ${storage.getStore()}`));
    socket.on('data', () => undefined);
    record(socket, log);
    await once(socket, 'secureConnect');
    storage.run('request', () => socket.write('x', () => log.push(`written ${storage.getStore()}`)));
    await once(socket, 'data');
    storage.run('end', () => socket.end());
    await closed(socket);
    await close(server);
    return { log, served };
  });

  both(bench, 'certificates that are not trusted, names that are wrong, versions that do not fit', async () => {
    const { server, port, log } = await echo({ maxVersion: 'TLSv1.2' });
    for (const options of [
      { ca: [] },
      { servername: 'elsewhere.test' },
      { minVersion: 'TLSv1.3' },
      { ca: [], rejectUnauthorized: false },
    ] as tls.ConnectionOptions[]) {
      const socket = client(port, options);
      socket.on('secureConnect', () => {
        log.push(`${socket.authorized} ${String(socket.authorizationError)}`);
        socket.end();
      });
      record(socket, log);
      socket.resume();
      await closed(socket);
    }
    await close(server);
    return log;
  });

  both(bench, 'destroyed at once, in the next tick, when connected, when secure', async () => {
    const { server, port } = await echo();
    const log: Log = [];
    const moments: ((socket: tls.TLSSocket) => void)[] = [
      (socket) => socket.destroy(),
      (socket) => process.nextTick(() => socket.destroy()),
      (socket) => socket.on('connect', () => socket.destroy()),
      (socket) => socket.on('secureConnect', () => socket.destroy(new Error('enough'))),
      (socket) => socket.on('connect', () => socket.end()),
    ];
    for (const at of moments) {
      const socket = client(port);
      record(socket, log);
      socket.resume();
      at(socket);
      await closed(socket);
    }
    // So that the bench sees the SAN: two of them never got so far as to have a route.
    await talk(client(port), log);
    await close(server);
    return log;
  });

  both(bench, 'a server that ends during the handshake, or speaks no TLS', async () => {
    const log: Log = [];
    const ways: ((raw: Socket) => void)[] = [
      (raw) => raw.resume().end(),
      (raw) => raw.once('data', () => raw.end('no TLS at all')),
    ];
    for (const way of ways) {
      const server = createServer((raw) => {
        raw.on('error', () => undefined);
        way(raw);
      });
      const port = await listen(server);
      const socket = client(port);
      record(socket, log);
      await closed(socket);
      await close(server);
    }
    return log;
  });

  both(bench, 'the second address that a name has', async () => {
    const { server, port, log, served } = await echo();
    const lookup: LookupFunction = (_name, _options, callback) => {
      (callback as (error: null, list: object[]) => void)(null, [
        { address: '127.0.0.9', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ]);
    };
    const socket = client(port, { host: 'localhost', autoSelectFamily: true, lookup } as tls.ConnectionOptions);
    await talk(socket, log);
    await close(server);
    return { log, served };
  });

  both(bench, 'a socket whose old handle somebody has kept', async () => {
    const { server, port, log } = await echo();
    const socket = client(port);
    const { _handle: kept } = socket as unknown as { _handle: { close(): void; getServername(): string } };
    log.push(kept.getServername());
    record(socket, log);
    await once(socket, 'secureConnect');
    assertRoute(socket);
    socket.destroy();
    await closed(socket);
    kept.close();
    await close(server);
    return log;
  });

  both(bench, 'unreferenced, a time limit, and many at once', async () => {
    const { server, port, log } = await echo();
    const idle = client(port);
    record(idle, log);
    await once(idle, 'secureConnect');
    idle.setTimeout(30);
    await once(idle, 'timeout');
    idle.unref();
    idle.ref();
    idle.destroy();
    await closed(idle);
    const all = Array.from({ length: 20 }, () => client(port));
    const words = await Promise.all(
      all.map(async (socket, index) => {
        socket.end(`word ${index}`);
        return text(socket);
      }),
    );
    await close(server);
    return { log, words };
  });
});

describe('TLS on a socket that is still connecting', () => {
  both(bench, 'given at once', async () => {
    const { server, port, log, served } = await echo();
    const raw = connect(port, '127.0.0.1');
    // How long a signature is, is a matter of chance.
    record(raw, log, 'raw ', false);
    await talk(client(port, { socket: raw }), log);
    await close(server);
    return { log, served };
  });

  both(bench, 'given at once, with an onread option and a write of its own before', async () => {
    const log: Log = [];
    const context = tls.createSecureContext(certificate);
    const server = createServer((raw) => {
      raw.once('readable', () => {
        log.push(String(raw.read(5)));
        const secure = new tls.TLSSocket(raw, { isServer: true, secureContext: context });
        secure.pipe(secure);
      });
    });
    const port = await listen(server);
    const onread = { buffer: Buffer.alloc(100), callback: () => log.push('never') > 0 };
    const raw = connect({ port, host: '127.0.0.1', onread });
    raw.write('clear');
    await talk(client(port, { socket: raw }), log);
    await close(server);
    return log;
  });

  both(bench, 'given, and destroyed while it connects', async () => {
    const { server, port, log } = await echo();
    const raw = connect(port, '127.0.0.1');
    const socket = client(port, { socket: raw });
    record(raw, log, 'raw ', false);
    record(socket, log);
    process.nextTick(() => socket.destroy());
    await Promise.all([closed(raw), closed(socket)]);
    await talk(client(port), log);
    await close(server);
    return log;
  });
});

describe('https and http2', () => {
  async function get(port: number, agent: https.Agent, path = '/', body = ''): Promise<string> {
    const request = https.request({ port, host: '127.0.0.1', servername: 'localhost', agent, path, method: 'POST' });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const { socket } = response;
    const reused = `${request.reusedSocket} ${socket instanceof tls.TLSSocket && socket.isSessionReused()}`;
    assertRoute(socket);
    return `${response.statusCode} ${reused} ${await text(response)}`;
  }

  const listening = (): https.Server =>
    https.createServer(certificate, (request, response) => {
      void text(request).then((body) => response.end(request.url === '/big' ? BIG : `got ${body.length}`));
    });

  both(bench, 'an agent that keeps connections, and one that keeps sessions', async () => {
    const server = listening();
    const port = await listen(server);
    const keeping = new https.Agent({ keepAlive: true, maxSockets: 1, ca: certificate.cert });
    const seen: string[] = [];
    for (let i = 0; i < 5; i++) seen.push(await get(port, keeping, '/', 'x'.repeat(i * 1000)));
    seen.push(String((await get(port, keeping, '/big')).length));
    keeping.destroy();
    const single = new https.Agent({ ca: certificate.cert, maxSockets: 1 });
    for (let i = 0; i < 3; i++) seen.push(await get(port, single));
    await close(server);
    return seen;
  });

  both(bench, 'HTTP/2, several streams at once', async () => {
    const server = http2.createSecureServer(certificate);
    server.on('stream', (stream) => {
      stream.respond();
      stream.end(BIG);
    });
    const port = await listen(server);
    const session = http2.connect(`https://localhost:${port}`, { ca: certificate.cert, family: 4 } as object);
    const seen = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const stream = session.request();
        stream.end();
        return (await text(stream)).length;
      }),
    );
    assertRoute(session);
    const { alpnProtocol, encrypted } = session;
    session.close();
    await once(session, 'close');
    await close(server);
    return { seen, alpnProtocol, encrypted };
  });

  test('a client that waits long for its handshake is told so by its own time limit only', async () => {
    bench.san.outcome = 'connect';
    bench.san.enabled = true;
    const sockets: Socket[] = [];
    const silent = createServer((raw) => sockets.push(raw));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const socket = client(port);
    await once(socket, 'connect');
    await delay(50);
    assert.equal((socket as Settable).secureConnecting, true);
    assertRoute(socket);
    socket.destroy();
    for (const raw of sockets) raw.destroy();
    await close(silent);
  });
});
