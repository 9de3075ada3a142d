// Real `net` programs over the whole switch on the loopback provider, in all its kinds: posted buffers, as a NIC has them,
// and owned ones; negotiation in connect data and in messages. Both sides must see what they see on TCP.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoopbackOptions } from '../../../src/providers/loopback/index.js';
import { type Conversation, converse, pattern } from './support/conversation.js';
import { conversations } from './support/conversation-list.js';
import { installLoopbackSwitch, type LoopbackSwitch } from './support/loopback-switch.js';

const KINDS: readonly (readonly [name: string, options: LoopbackOptions])[] = [
  ['posted buffers, negotiation in messages (SESS-2, SESS-14)', { connectData: false }],
  ['posted buffers, though it has connect data (SESS-3, SESS-14)', { connectData: true }],
  ['owned buffers, negotiation in messages (SESS-2)', { ownsReceiveBuffers: true, connectData: false }],
  ['owned buffers, connect data', { ownsReceiveBuffers: true, connectData: true }],
];

/** Lets connections that their programs have closed come to their end. */
async function settled({ provider, sw }: LoopbackSwitch): Promise<void> {
  for (let i = 0; i < 1000 && provider.inventory().sockets > 1 + sw.snapshot().listeners.length; i++) await delay(1);
}

for (const [name, options] of KINDS) {
  describe(name, () => {
    let bench: LoopbackSwitch;
    before(() => {
      // A large write is over when the peer has it; TCP shows the same only of writes beyond its own buffers.
      bench = installLoopbackSwitch({ ...options, rdmaThresholdBytes: 65_536, maxRdmaBytes: 100_000 });
    });
    after(async () => {
      await settled(bench);
      assert.deepEqual(bench.violations, []);
      assert.deepEqual([...bench.net.routes.live()], [], 'no live connection is left on the list');
      const left = bench.provider.inventory();
      assert.deepEqual(
        left,
        { sockets: 1, registrations: 0, receives: 0, requests: 0, early: 0 },
        'only the scratch socket is left',
      );
      bench.stop();
      assert.equal(bench.provider.inventory().sockets, 0);
    });

    let carriers: string[] = [];
    const same = (title: string, conversation: Conversation): void => {
      test(title, async () => {
        const seen = (socket: Socket): void => {
          carriers.push(bench.net.routes.routeOf(socket)?.carrier ?? 'none');
        };
        const watched: Conversation = {
          ...conversation,
          onServer(socket, log, server) {
            seen(socket);
            return conversation.onServer(socket, log, server);
          },
          onClient(socket, log) {
            socket.once('connect', () => seen(socket));
            return conversation.onClient(socket, log);
          },
        };
        bench.enabled = false;
        carriers = [];
        const tcp = await converse(watched);
        assert.deepEqual(carriers, ['tcp', 'tcp']);
        bench.enabled = true;
        carriers = [];
        const fast = await converse(watched);
        assert.deepEqual(carriers, ['san', 'san']);
        assert.deepEqual(fast, tcp);
      });
    };
    conversations(same);

    test('many connections, much data both ways, nothing lost', async () => {
      const data = pattern(300_000, 7);
      const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const talk = async (): Promise<void> => {
        const socket = connect(port, '127.0.0.1');
        const chunks: Buffer[] = [];
        socket.on('data', (chunk) => chunks.push(chunk));
        for (let at = 0; at < data.length; at += 10_000) socket.write(data.subarray(at, at + 10_000));
        socket.end();
        await once(socket, 'close');
        assert.ok(Buffer.concat(chunks).equals(data));
      };
      await Promise.all(Array.from({ length: 20 }, talk));
      server.close();
      await once(server, 'close');
    });

    test('a port where nobody is on the SAN stays on TCP (CONN-12, CONN-14)', async () => {
      bench.enabled = false;
      const server = createServer((socket) => socket.end('plain')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      bench.enabled = true;
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const [data] = (await once(socket, 'data')) as [Buffer];
      assert.equal(data.toString(), 'plain');
      assert.equal(bench.net.routes.routeOf(socket)?.carrier, 'tcp');
      socket.destroy();
      server.close();
      await once(server, 'close');
    });
  });
}

for (const [name, options] of KINDS) {
  test(`memory that is refused to either end: the connection goes by TCP, and nobody hears of it; ${name} (SESS-3, ERR-3)`, async () => {
    const bench = installLoopbackSwitch(options);
    bench.network.faults = { ...bench.network.faults, registerNoBuffers: 300_000, delayTicksMax: 3 };
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const carriers = new Set<string | undefined>();
    for (let i = 0; i < 60; i++) {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      // Both events are awaited at once, for an error that comes behind 'connect' is what must not be.
      const [[echo]] = await Promise.all([
        once(socket, 'data') as Promise<[Buffer]>,
        once(socket.end('hello'), 'close'),
      ]);
      assert.equal(echo.toString(), 'hello');
      carriers.add(bench.net.routes.routeOf(socket)?.carrier);
    }
    // Owned buffers need no memory until something large is sent.
    assert.deepEqual(carriers, new Set(options.ownsReceiveBuffers === true ? ['san'] : ['san', 'tcp']));
    server.close();
    await once(server, 'close');
    await settled(bench);
    assert.deepEqual(bench.violations, []);
    bench.stop();
  });
}

for (const [name, options] of KINDS) {
  describe(`large writes, ${name}`, () => {
    for (const rdmaRead of ['offered', 'refused'] as const) {
      test(`both ways, RDMA read ${rdmaRead} (XFER-1, XFER-3, GAP-5, D7)`, async () => {
        const bench = installLoopbackSwitch({
          ...options,
          rdmaThresholdBytes: 65_536,
          maxRdmaBytes: 100_000,
          rdmaRead,
        });
        try {
          const data = pattern(3_000_000, 11);
          const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
          await once(server, 'listening');
          const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
          const chunks: Buffer[] = [];
          socket.on('data', (chunk) => chunks.push(chunk));
          await new Promise((resolve) => socket.write(data, resolve));
          assert.equal(bench.net.routes.routeOf(socket)?.transfer, rdmaRead === 'offered' ? 'pull' : 'push');
          socket.write(data.subarray(0, 100));
          socket.end(data);
          await once(socket, 'close');
          assert.ok(Buffer.concat(chunks).equals(Buffer.concat([data, data.subarray(0, 100), data])));
          server.close();
          await once(server, 'close');
          await settled(bench);
          assert.equal(bench.provider.inventory().registrations, 0);
          assert.deepEqual(bench.violations, []);
        } finally {
          bench.stop();
        }
      });
    }
  });
}
