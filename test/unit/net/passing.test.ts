// Giving a SAN socket to another process: by a relay where that can be, else an orderly failure; and TCP sockets go as ever.
import { strict as assert } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { listen, useMemorySwitch } from './support/both.js';

const bench = useMemorySwitch();

const CHILD = `process.on('message', (message, socket) => {
  if (message === 'echo') socket.pipe(socket);
  if (message === 'reset') socket.resetAndDestroy();
  process.send('got ' + message + ' ' + (socket !== undefined));
});`;

async function pairOf(enabled: boolean): Promise<{ client: Socket; peer: Socket; done: () => Promise<void> }> {
  bench.san.enabled = enabled;
  // Paused, as a server does that hands its connections on: what was read here would stay here.
  const server = createServer({ pauseOnConnect: true });
  const port = await listen(server);
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  const [peer] = (await once(server, 'connection')) as [Socket];
  peer.on('error', () => undefined);
  if (client.connecting) await once(client, 'connect');
  return {
    client,
    peer,
    async done() {
      client.destroy();
      peer.destroy();
      await delay(20);
      // Not awaited: Node's server waits for the child's word about a socket that the child never got.
      server.close();
    },
  };
}

describe('send(message, socket)', () => {
  let child: ChildProcess;
  before(() => {
    child = spawn(process.execPath, ['-e', CHILD], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  });
  after(() => {
    child.disconnect();
  });

  for (const enabled of [false, true]) {
    test(enabled ? 'a SAN socket travels by a relay' : 'a TCP socket travels', async () => {
      const { client, peer, done } = await pairOf(enabled);
      client.write('before, ');
      child.send('echo', peer);
      client.write('behind');
      let text = '';
      client.on('data', (part) => (text += String(part)));
      while (text.length < 14) await once(client, 'data');
      client.write(Buffer.alloc(300_000, 'x'));
      while (text.length < 300_014) await once(client, 'data');
      client.end('!');
      await once(client, 'end');
      assert.equal(text, `before, behind${'x'.repeat(300_000)}!`);
      assert.equal(peer.destroyed, false, 'as Node leaves it');
      await done();
    });

    test(`the receiver resets (${enabled ? 'SAN' : 'TCP'})`, async () => {
      const { client, peer, done } = await pairOf(enabled);
      const closed = new Promise<unknown>((resolve) => client.once('error', resolve).once('close', resolve));
      child.send('reset', peer);
      client.resume();
      assert.equal(((await closed) as NodeJS.ErrnoException).code, 'ECONNRESET');
      await done();
    });
  }

  test('a socket that is kept open: ENOTSUP to the callback, the channel works on', async () => {
    const { client, peer, done } = await pairOf(true);
    const ended = once(client, 'end');
    client.resume();
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      child.send('san', peer, { keepOpen: true }, (failure) => resolve(failure));
    });
    assert.equal(error?.code, 'ENOTSUP');
    assert.equal(error.syscall, 'write');
    peer.end();
    await ended;
    const answer = once(child, 'message');
    child.send('plain');
    let [message] = (await answer) as [string];
    while (message !== 'got plain false') [message] = (await once(child, 'message')) as [string];
    await done();
  });

  test('with a write under way: it goes on, and the writer hears of its end', async () => {
    const { client, peer, done } = await pairOf(true);
    const written = new Promise<unknown>((resolve) => peer.write(Buffer.alloc(1_000_000, 'y'), resolve));
    child.send('echo', peer);
    let bytes = 0;
    client.on('data', (part: Buffer) => (bytes += part.length));
    while (bytes < 1_000_000) await once(client, 'data');
    assert.equal((await written) ?? null, null);
    client.write('more');
    while (bytes < 1_000_004) await once(client, 'data');
    await done();
  });
});

describe('a socket as a child’s stdio', () => {
  test('a SAN socket: an exception of spawn', async () => {
    const { client, done } = await pairOf(true);
    assert.throws(() => spawn(process.execPath, ['-e', ''], { stdio: ['ignore', client, 'inherit'] }), {
      code: 'ENOTSUP',
      syscall: 'spawn',
    });
    await done();
  });

  test('a TCP socket works', async () => {
    const { client, peer, done } = await pairOf(false);
    const child = spawn(process.execPath, ['-e', 'console.log("hello")'], { stdio: ['ignore', client, 'inherit'] });
    peer.resume();
    const [bytes] = (await once(peer, 'data')) as [Buffer];
    assert.equal(String(bytes), 'hello\n');
    await once(child, 'exit');
    await done();
  });
});

describe('postMessage', () => {
  test('a SAN socket cannot be transferred, and works on', async () => {
    const { client, peer, done } = await pairOf(true);
    const { port1, port2 } = new MessageChannel();
    assert.throws(() => port1.postMessage(client, [client as never]));
    port1.close();
    port2.close();
    client.write('still here');
    peer.resume();
    assert.equal(String((await once(peer, 'data'))[0]), 'still here');
    await done();
  });
});
