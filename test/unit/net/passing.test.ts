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
  if (message === 'mute') socket.on('error', () => {}).pause();
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

  for (const enabled of [false, true]) {
    test(`a ${enabled ? 'SAN' : 'TCP'} socket that is kept open: both have it (DUP-1, DUP-4)`, async () => {
      const { client, peer, done } = await pairOf(enabled);
      const sent = new Promise((resolve) => child.send('echo', peer, { keepOpen: true }, resolve));
      assert.equal((await sent) ?? null, null);
      let text = '';
      client.on('data', (part) => (text += String(part)));
      client.write('there, ');
      while (text.length < 7) await once(client, 'data');
      // What the child has written before is before this.
      const { remotePort } = peer;
      await new Promise<void>((resolve) => peer.write('here', () => resolve()));
      while (text.length < 11) await once(client, 'data');
      assert.equal(text, 'there, here');
      assert.equal(remotePort, client.localPort);
      // Who sends it again, without keeping it, gives it away.
      child.send('mute', peer);
      const ended = once(client, 'end');
      client.end();
      await ended;
      await done();
    });

    test(`a ${enabled ? 'SAN' : 'TCP'} socket is sent as soon as it was ended`, async () => {
      const { client, peer, done } = await pairOf(enabled);
      const finished = new Promise<void>((resolve) => peer.end('bye', () => resolve()));
      child.send('mute', peer, { keepOpen: true });
      let text = '';
      client.on('data', (part) => (text += String(part)));
      await once(client, 'end');
      await finished;
      assert.equal(text, 'bye');
      await done();
    });
  }

  test('a socket that is a relay’s end already is sent on', async () => {
    const { client, peer, done } = await pairOf(true);
    const others = spawn(process.execPath, ['-e', CHILD], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    for (const receiver of [child, others]) {
      await new Promise((resolve) => receiver.send('mute', peer, { keepOpen: true }, resolve));
    }
    others.kill();
    await once(others, 'exit');
    peer.resume();
    client.end('for whoever reads');
    await once(client, 'close');
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
  for (const enabled of [false, true]) {
    test(`a ${enabled ? 'SAN' : 'TCP'} socket works`, async () => {
      const { client, peer, done } = await pairOf(enabled);
      const child = spawn(process.execPath, ['-e', 'console.log("hello")'], { stdio: ['ignore', client, 'inherit'] });
      peer.resume();
      const [bytes] = (await once(peer, 'data')) as [Buffer];
      assert.equal(String(bytes), 'hello\n');
      await once(child, 'exit');
      // It is open here as well. On TCP it blocks now, and a reader in the same process would never come to read much.
      const size = enabled ? 9_000_000 : 9;
      client.write(Buffer.alloc(size));
      let received = 0;
      peer.on('data', (part: Buffer) => (received += part.length));
      while (received < size) await once(peer, 'data');
      await done();
    });
  }

  test('what cannot be started takes nothing away', async () => {
    const { client, peer, done } = await pairOf(true);
    const child = spawn('/nothing/here', { stdio: ['ignore', client, client] });
    assert.equal(((await once(child, 'error')) as [NodeJS.ErrnoException])[0].code, 'ENOENT');
    client.write('still here');
    peer.resume();
    assert.equal(String((await once(peer, 'data'))[0]), 'still here');
    await done();
  });
});

describe('postMessage', () => {
  test('a SAN socket that cannot be transferred works on', async () => {
    const { client, peer, done } = await pairOf(true);
    const { port1, port2 } = new MessageChannel();
    assert.throws(() => port1.postMessage({ client, uncloneable: () => 0 }, [client as never]));
    port1.close();
    port2.close();
    client.write('still here');
    peer.resume();
    assert.equal(String((await once(peer, 'data'))[0]), 'still here');
    await done();
  });
});
