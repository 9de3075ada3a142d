/** Owned receive, the one addition to the published SPI (docs/SPI.md, "Owned receive"; SESS-6…8 for what comes early). */
import {
  MEM_WRITE,
  type MessageReceiver,
  RUN_BEFORE,
  RUN_CONTINUE,
  RUN_STOP,
  RUN_VIOLATION,
  WSA_IO_PENDING,
  WSAEINVAL,
  WSAENOTCONN,
  WSAENOTSOCK,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { type CaseSpec, only, topic } from '../case.js';
import { type End, pattern } from '../end.js';
import { register } from '../memory.js';

const skip = only('ownsReceiveBuffers');
const NONE = 'there is no owned receive';

/** Writes down what a receiver is called with, and answers as told. */
class Script implements MessageReceiver {
  readonly log: string[] = [];
  readonly messages: Uint8Array[] = [];
  outside = false;
  constructor(readonly answers: number[] = []) {}
  onMessage(memory: Uint8Array, offset: number, length: number): number {
    if (offset < 0 || length < 0 || offset + length > memory.length) this.outside = true;
    this.messages.push(memory.slice(offset, offset + length));
    this.log.push(`message ${length}`);
    return this.answers.shift() ?? RUN_CONTINUE;
  }
  onRunEnd(): void {
    this.log.push('end of run');
  }
  onDisconnect(error: number): void {
    this.log.push(`disconnect ${error === 0 ? 'in order' : 'with an error'}`);
  }
}

function attach(bench: Bench, { host, s }: End, receiver: MessageReceiver | null): number {
  const { errno } = host;
  const owned = bench.some(host.owned, NONE);
  return owned.SdpSetReceiver(s, receiver, errno) === 0 ? 0 : errno.value;
}

async function scripted(bench: Bench, answers: number[] = []): Promise<{ client: End; server: End; script: Script }> {
  const { client, server } = await bench.connected();
  const script = new Script(answers);
  bench.code(attach(bench, server, script), 0, 'SdpSetReceiver');
  return { client, server, script };
}

const cases: CaseSpec[] = [
  {
    name: 'messages are shown inside the memory that is handed over, and each run has its end (SESS-14)',
    async run(bench) {
      const { client, script } = await scripted(bench);
      for (let index = 0; index < 10; index++) await client.sent(pattern(10 + index, index));
      await bench.until('all messages come', () => script.messages.length === 10);
      await bench.until('the run ends', () => script.log.at(-1) === 'end of run');
      bench.check(!script.outside, 'a message lies outside its memory');
      script.messages.forEach((message, index) =>
        bench.sameBytes(message, pattern(10 + index, index), `message ${index}`),
      );
    },
  },
  {
    name: 'RUN_STOP ends the run after this message (SESS-14)',
    async run(bench) {
      const { client, script } = await scripted(bench, [RUN_STOP, RUN_STOP, RUN_STOP]);
      for (let index = 1; index <= 3; index++) await client.sent(pattern(index, index));
      await bench.until('all messages come', () => script.messages.length === 3);
      await bench.until('the last run ends', () => script.log.at(-1) === 'end of run');
      bench.equal(script.log.join(), 'message 1,end of run,message 2,end of run,message 3,end of run', 'calls');
    },
  },
  {
    name: 'RUN_BEFORE ends the run before this message, which is the first of the next (SESS-14)',
    async run(bench) {
      const { client, script } = await scripted(bench, [RUN_STOP, RUN_BEFORE]);
      for (let index = 1; index <= 3; index++) await client.sent(pattern(index, index));
      await bench.until('all messages come', () => script.messages.length === 4);
      await bench.until('the last run ends', () => script.log.at(-1) === 'end of run');
      const [, again, third] = script.messages.slice(1);
      bench.equal(script.log.slice(0, 4).join(), 'message 1,end of run,message 2,end of run', 'calls');
      bench.sameBytes(again, pattern(2, 2), 'the message that is presented again');
      bench.sameBytes(third, pattern(3, 3), 'the message after it');
    },
  },
  {
    name: 'early messages come first and in runs, as the receiver answers (SESS-6, SESS-7)',
    async run(bench) {
      const { client, server } = await bench.connected();
      for (let index = 1; index <= 3; index++) await client.sent(pattern(index, index));
      await bench.quiet();
      const script = new Script([RUN_STOP, RUN_BEFORE]);
      bench.code(attach(bench, server, script), 0, 'SdpSetReceiver');
      await client.sent(pattern(4, 4));
      await bench.until('all messages come', () => script.messages.length === 5);
      await bench.until('the last run ends', () => script.log.at(-1) === 'end of run');
      bench.equal(script.messages.map(({ length }) => length).join(), '1,2,2,3,4', 'lengths');
      bench.equal(script.log.slice(0, 4).join(), 'message 1,end of run,message 2,end of run', 'calls');
    },
  },
  {
    name: 'onDisconnect comes once, after everything, and nothing after it (CLOSE-3)',
    async run(bench) {
      const { client, script } = await scripted(bench);
      await client.sent(pattern(8, 1));
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      await bench.until('the disconnect', () => script.log.at(-1)?.startsWith('disconnect') === true);
      await bench.quiet();
      bench.equal(script.log.join(), 'message 8,end of run,disconnect in order', 'calls');
    },
  },
  {
    name: 'a receiver that comes after the end is told of it (CLOSE-3, CLOSE-7)',
    async run(bench) {
      const { client, server } = await bench.connected();
      bench.code(client.host.close(client.s), 0, 'WSPCloseSocket');
      await bench.quiet();
      const script = new Script();
      bench.code(attach(bench, server, script), 0, 'SdpSetReceiver');
      await bench.until('the disconnect', () => script.log.length > 0);
      bench.equal(script.log.join(), 'disconnect in order', 'calls');
    },
  },
  {
    name: 'a receiver that is detached is not called, and its successor gets what came meanwhile (SESS-7)',
    async run(bench) {
      const { client, server, script } = await scripted(bench);
      await client.sent(pattern(5, 1));
      await bench.until('the run ends', () => script.log.at(-1) === 'end of run');
      bench.code(attach(bench, server, null), 0, 'SdpSetReceiver(null)');
      await client.sent(pattern(6, 2));
      await bench.quiet();
      bench.equal(script.messages.length, 1, 'messages of the detached receiver');
      const next = new Script();
      bench.code(attach(bench, server, next), 0, 'SdpSetReceiver');
      await bench.until('the message comes', () => next.messages.length === 1);
      bench.sameBytes(next.messages[0], pattern(6, 2), 'the message');
    },
  },
  {
    name: 'while a receiver is attached WSPRecv fails with WSAEINVAL (XFER-30)',
    async run(bench) {
      const { server } = await scripted(bench);
      const buffers = [{ len: 8, buf: new Uint8Array(8) }];
      bench.code(register(server.host, server.s, buffers[0].buf, MEM_WRITE).code, 0, 'WSPRegisterMemory');
      bench.code(server.host.receive(server.s, buffers, server.host.operation()), WSAEINVAL, 'WSPRecv');
      bench.code(attach(bench, server, null), 0, 'SdpSetReceiver(null)');
      bench.code(
        server.host.receive(server.s, buffers, server.host.operation()),
        WSA_IO_PENDING,
        'WSPRecv once it is detached',
      );
    },
  },
  {
    name: 'SdpSetReceiver needs a connected socket (CLOSE-9, XFER-32)',
    async run(bench) {
      const { s } = await bench.bound(bench.client, 'connect');
      const { errno } = bench.client;
      const owned = bench.some(bench.client.owned, NONE);
      bench.check(owned.SdpSetReceiver(s, new Script(), errno) !== 0, 'a receiver was attached to a bound socket');
      bench.code(errno.value, WSAENOTCONN, 'a bound socket');
      bench.check(owned.SdpSetReceiver(0x7ffffff0, new Script(), errno) !== 0, 'a receiver was attached to nothing');
      bench.code(errno.value, WSAENOTSOCK, 'an unknown descriptor');
    },
  },
  {
    name: 'RUN_VIOLATION ends the connection at both ends (CLOSE-3)',
    async run(bench) {
      const { client, script } = await scripted(bench, [RUN_VIOLATION]);
      client.receive('owned');
      await client.sent(pattern(9, 1));
      await bench.until('the sender is told', () => client.ends > 0);
      await bench.until('the receiver is told', () => script.log.at(-1)?.startsWith('disconnect') === true);
      bench.equal(script.log.filter((entry) => entry.startsWith('disconnect')).length, 1, 'times the end was told');
      bench.check(client.ended !== 0, 'the sender was told of an end in order');
    },
  },
  {
    name: 'sends that pend when the connection is broken off end with its code (CLOSE-3, CLOSE-4)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const size = client.capacity(12_000);
      const operations = Array.from({ length: 30 }, () => client.host.operation());
      for (const operation of operations) {
        const code = client.host.send(client.s, [{ len: size, buf: pattern(size, 1) }], operation);
        bench.code(code, [0, WSA_IO_PENDING], 'WSPSend');
      }
      const pending = operations.filter(({ state }) => state === 'pending');
      const script = new Script([RUN_VIOLATION]);
      bench.code(attach(bench, server, script), 0, 'SdpSetReceiver');
      await bench.until('all that pended ends', () => pending.every(({ state }) => state === 'done'));
    },
  },
  {
    name: 'what one side publishes as consumed is what the other reads, up to 32 bits (SESS-4)',
    async run(bench) {
      const { client, server } = await bench.connected();
      const here = bench.some(client.host.owned, NONE);
      const there = bench.some(server.host.owned, NONE);
      bench.equal(here.SdpPeerConsumed(client.s), 0, 'before anything was published');
      for (const total of [1, 1000, 0x7fffffff, 0xffffffff, 5]) {
        there.SdpSetConsumed(server.s, total);
        await bench.until(`the peer reads ${total}`, () => here.SdpPeerConsumed(client.s) >>> 0 === total);
      }
      there.SdpSetConsumed(0x7ffffff0, 1); // nobody's: no harm
      bench.equal(here.SdpPeerConsumed(client.s) >>> 0, 5, 'after a number for an unknown socket');
      bench.code(server.host.close(server.s), 0, 'WSPCloseSocket');
      await bench.quiet();
      bench.equal(here.SdpPeerConsumed(client.s) >>> 0, 5, 'after the peer’s end');
    },
  },
  {
    name: 'SdpPeerOf tells who is at the other end, or null (CLOSE-9)',
    async run(bench) {
      const { client } = await bench.connected();
      const owned = bench.some(client.host.owned, NONE);
      const peer = owned.SdpPeerOf(client.s);
      if (peer !== null) {
        bench.check(
          Number.isInteger(peer.pid) && Number.isInteger(peer.uid) && Number.isInteger(peer.link),
          'no numbers',
        );
        bench.equal(typeof peer.self, 'boolean', 'self');
      }
      bench.equal(owned.SdpPeerOf(0x7ffffff0), null, 'an unknown descriptor');
    },
  },
  {
    name: 'after SdpBeginExit no send pends, and after SdpEndExit everything arrives (CLOSE-14, DUP-2)',
    skip: (manifest) => skip(manifest),
    async run(bench) {
      if (bench.client === bench.server) return; // who leaves would be who receives
      const { client, server } = await bench.connected();
      server.receive('owned');
      const owned = bench.some(client.host.owned, NONE);
      const size = client.capacity(9000);
      owned.SdpBeginExit();
      for (let index = 0; index < 20; index++) {
        const code = client.host.send(client.s, [{ len: size, buf: pattern(size, index) }], client.host.operation());
        bench.code(code, 0, `WSPSend ${index} during exit`);
      }
      owned.SdpEndExit();
      bench.code(client.host.cleanup(), 0, 'WSPCleanup');
      client.host.ledger.byDescriptor.clear();
      await bench.until('all messages come', () => server.messages.length === 20);
      server.messages.forEach((message, index) => bench.sameBytes(message, pattern(size, index), `message ${index}`));
      await bench.until('the connection ends', () => server.ends > 0);
    },
  },
];

export const OWNED_RECEIVE = topic(
  'owned-receive',
  cases.map((spec) => ({ skip, ...spec })),
);
