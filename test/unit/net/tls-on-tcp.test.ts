// What TLS leaves on TCP, what turns out to be on TCP, and Nodes whose TLS is not known.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { reachInternals } from '../../../src/net/internals.js';
import { unknownInTls } from '../../../src/net/tls-shape.js';
import { makeCertificate } from '../../support/certificate.js';
import { close, listen, useMemorySwitch } from './support/both.js';
import { installMemorySwitch } from './support/memory-switch.js';

const bench = useMemorySwitch();
const certificate = makeCertificate();

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString('latin1');
}

const client = (port: number): tls.TLSSocket =>
  tls.connect({ port, host: '127.0.0.1', ca: certificate.cert, servername: 'localhost' });

const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

describe('what stays on TCP', () => {
  test('TLS on TLS that is still connecting, and a TLS server on a connecting socket', async () => {
    bench.san.enabled = true;
    bench.san.outcome = 'connect';
    const context = tls.createSecureContext(certificate);
    const inside = createServer((raw) => {
      const outer = new tls.TLSSocket(raw, { isServer: true, secureContext: context });
      const inner = new tls.TLSSocket(outer, { isServer: true, secureContext: context });
      inner.pipe(inner);
    });
    const port = await listen(inside);
    const outer = client(port);
    const inner = tls.connect({ socket: outer, ca: certificate.cert, servername: 'localhost' });
    const gone = closed(outer);
    inner.end('inside');
    assert.equal(await text(inner), 'inside');
    assert.equal(bench.net.routes.routeOf(outer)?.reason, 'tls-client');
    outer.destroy();
    await gone;
    await close(inside);

    const backwards = createServer((raw) => {
      const socket = tls.connect({ socket: raw, ca: certificate.cert, servername: 'localhost' });
      socket.pipe(socket);
    });
    const raw = connect(await listen(backwards), '127.0.0.1');
    const serving = new tls.TLSSocket(raw, { isServer: true, secureContext: context });
    const end = closed(raw);
    serving.end('backwards');
    assert.equal(await text(serving), 'backwards');
    assert.equal(bench.net.routes.routeOf(serving)?.reason, 'tls-client');
    await end;
    await close(backwards);
  });

  test('what turns out to go by TCP: nothing is exchanged, nothing is lost', async () => {
    const server = tls.createServer(certificate, (peer) => peer.pipe(peer));
    const port = await listen(server);
    bench.san.enabled = true;
    for (const outcome of ['fallback', 'connect'] as const) {
      bench.san.outcome = outcome;
      if (outcome === 'connect') bench.san.unannounced.add(port);
      const socket = client(port);
      const { _handle: before } = socket as unknown as { _handle: object };
      await once(socket, 'secureConnect');
      assert.equal((socket as unknown as { _handle: object })._handle, before);
      assert.equal(bench.net.routes.routeOf(socket)?.carrier, 'tcp');
      socket.end('x');
      assert.equal(await text(socket), 'x');
    }
    bench.san.unannounced.clear();
    bench.san.outcome = { error: 10061 };
    const refused = client(port);
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException & { address: string }];
    assert.deepEqual([error.code, error.syscall, error.address], ['ECONNREFUSED', 'connect', '127.0.0.1']);
    await close(server);
  });
});

describe('a Node whose TLS has something else', () => {
  test('is told by its first difference', () => {
    const reached = reachInternals();
    assert.ok(reached.ok);
    const { prototype } = reached.internals.tlsWrap.TLSWrap ?? {};
    assert.equal(unknownInTls(prototype), null);
    assert.equal(unknownInTls(undefined), 'TLSWrap');
    const copy = Object.create(null, Object.getOwnPropertyDescriptors(prototype)) as Record<string, unknown>;
    assert.equal(unknownInTls(copy), null);
    copy['setSomethingNew'] = () => undefined;
    assert.equal(unknownInTls(copy), 'TLSWrap.prototype.setSomethingNew');
    delete copy['setSomethingNew'];
    delete copy['setSession'];
    assert.equal(unknownInTls(copy), 'TLSWrap.prototype.setSession');
  });

  test('keeps its TLS clients on TCP', async () => {
    const reached = reachInternals();
    assert.ok(reached.ok);
    const { prototype } = reached.internals.tlsWrap.TLSWrap ?? {};
    assert.ok(prototype);
    bench.net.restore();
    Object.defineProperty(prototype, 'setSomethingNew', { value: () => undefined, configurable: true });
    try {
      Object.assign(bench, installMemorySwitch());
      const server = tls.createServer(certificate, (peer) => peer.end('hello'));
      const port = await listen(server);
      const socket = client(port);
      const gone = closed(socket);
      assert.equal(await text(socket), 'hello');
      assert.equal(bench.net.routes.routeOf(socket)?.reason, 'tls-unknown');
      await gone;
      await close(server);
    } finally {
      Reflect.deleteProperty(prototype, 'setSomethingNew');
    }
  });
});
