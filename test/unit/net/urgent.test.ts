// The package's own API for urgent data, on real `net` sockets over the switch and on plain TCP.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { atMark, onUrgent, sendUrgent } from '../../../src/index.js';
import { installLoopbackSwitch } from './support/loopback-switch.js';

async function sockets(): Promise<{ client: Socket; server: Socket; close: () => Promise<void> }> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [[server]] = (await Promise.all([once(listener, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const close = async (): Promise<void> => {
    client.destroy();
    server.destroy();
    listener.close();
    await once(listener, 'close');
  };
  return { client, server, close };
}

test('urgent data reach a paused socket, ahead of data that wait (OOB-1 … OOB-3, GAP-14)', async () => {
  const bench = installLoopbackSwitch({ ownsReceiveBuffers: true });
  const { client, server, close } = await sockets();
  client.write(Buffer.alloc(1 << 20));
  const sent = new Promise((resolve) => sendUrgent(client, Buffer.from('stop'), resolve));
  const block = await new Promise<Buffer>((resolve) => onUrgent(server, resolve));
  assert.equal(block.toString(), 'stop');
  assert.equal(await sent, null);
  assert.equal(atMark(client), false);
  assert.throws(() => sendUrgent(client, Buffer.alloc(1 << 20)), { code: 'EMSGSIZE' });
  await close();
  assert.throws(() => sendUrgent(client, Buffer.from('x')), { code: 'ENOTSUP' });
  bench.stop();
});

test('inline they are a chunk of their own, in their place (OOB-5)', async () => {
  const bench = installLoopbackSwitch({ ownsReceiveBuffers: true });
  const { client, server, close } = await sockets();
  onUrgent(server, 'inline');
  client.write('before');
  sendUrgent(client, Buffer.from('!'));
  client.end('behind');
  const chunks: string[] = [];
  server.on('data', (chunk) => chunks.push(String(chunk)));
  await once(server, 'end');
  assert.deepEqual(chunks, ['before', '!', 'behind']);
  await close();
  bench.stop();
});

test('on plain TCP they are not supported, and that is said (GAP-14)', async () => {
  const { client, close } = await sockets();
  assert.throws(() => sendUrgent(client, Buffer.from('x')), { code: 'ENOTSUP', message: /not on a SAN provider/ });
  assert.throws(() => onUrgent(client, () => undefined), { code: 'ENOTSUP' });
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) =>
    sendUrgent(client, Buffer.from('x'), resolve),
  );
  assert.equal(error?.code, 'ENOTSUP');
  assert.equal(atMark(client), false);
  await close();
});
