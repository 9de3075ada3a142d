/** A long and mixed life, by chance but always the same: what each case above asks, all at once (XFER-33, CLOSE-3…6, DUP-33). */
import { MEM_READ } from '../../spi/index.js';
import type { Bench, Connection } from '../bench.js';
import { eachReceiving, topic } from '../case.js';
import { type End, pattern, type Receiving } from '../end.js';
import { receivesOf } from '../manifest.js';
import { deregister, deregisterRdma, expose, register } from '../memory.js';

const STEPS = 250;
const CONNECTIONS_MAX = 6;

/** Numbers below `limit`, the same in every run (mulberry32). */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** One end of one connection, and what it has sent. */
interface Party {
  readonly end: End;
  readonly peer: End;
  readonly sent: Uint8Array[];
}

class Life {
  readonly #bench: Bench;
  readonly #how: Receiving;
  readonly #throw: (limit: number) => number;
  readonly #all: Party[] = [];
  #open: Party[][] = [];
  #listener: Connection['listener'] | null = null;
  #count = 0;

  constructor(bench: Bench, how: Receiving, seed: number) {
    this.#bench = bench;
    this.#how = how;
    this.#throw = dice(seed);
  }

  async step(): Promise<void> {
    const choice = this.#throw(20);
    if (this.#open.length === 0 || (choice < 2 && this.#open.length < CONNECTIONS_MAX)) return this.#connect();
    const parties = this.#open[this.#throw(this.#open.length)];
    const party = parties[this.#throw(2)];
    if (choice < 3) return this.#close(parties, party);
    if (choice < 5) return this.#registrations(party);
    return this.#send(party);
  }

  async #connect(): Promise<void> {
    const connection = await this.#bench.connected(this.#listener ?? undefined);
    this.#listener = connection.listener;
    const { client, server } = connection;
    client.receive(this.#how);
    server.receive(this.#how);
    const parties = [
      { end: client, peer: server, sent: [] },
      { end: server, peer: client, sent: [] },
    ];
    this.#open.push(parties);
    this.#all.push(...parties);
  }

  async #send({ end, peer, sent }: Party): Promise<void> {
    const window = Math.max(1, receivesOf(this.#bench.manifest) - 1);
    const message = pattern(1 + this.#throw(end.capacity(3000)), this.#count++);
    await this.#bench.until('messages come', () => sent.length - peer.messages.length < window);
    await end.sent(message, this.#throw(3) === 0);
    sent.push(message);
  }

  #registrations({ end: { host, s } }: Party): Promise<void> {
    const memory = pattern(64, this.#count);
    const { code, value } = register(host, s, memory, MEM_READ);
    this.#bench.code(code, 0, 'WSPRegisterMemory');
    const descriptor = expose(host, s, memory, MEM_READ);
    this.#bench.code(deregisterRdma(host, s, descriptor), 0, 'WSPDeregisterRdmaMemory');
    this.#bench.code(deregister(host, s, value), 0, 'WSPDeregisterMemory');
    return Promise.resolve();
  }

  /** One side closes; the other takes what is left, hears of the end, and closes too. */
  async #close(parties: Party[], { end, peer, sent }: Party): Promise<void> {
    this.#open = this.#open.filter((others) => others !== parties);
    this.#bench.code(end.host.close(end.s), 0, 'WSPCloseSocket');
    await this.#bench.until('the other side hears of the end', () => peer.ends > 0);
    this.#bench.equal(peer.messages.length, sent.length, 'messages before the end');
    this.#bench.code(peer.host.close(peer.s), 0, 'WSPCloseSocket of the other side');
  }

  /** Everything that came is what was sent, from its beginning; of connections that are open, all of it. */
  async judge(): Promise<void> {
    for (const parties of this.#open) {
      for (const { peer, sent } of parties) {
        await this.#bench.until('the last messages come', () => peer.messages.length === sent.length);
      }
    }
    for (const { peer, sent } of this.#all) {
      peer.messages.forEach((message, index) => this.#bench.sameBytes(message, sent[index], `message ${index}`));
    }
  }
}

export const LIFE = topic(
  'life',
  eachReceiving(
    'connections that come and go under traffic lose, mix up and leave nothing, {how} (XFER-33, CLOSE-3, CLOSE-6, DUP-33)',
    async (bench, how) => {
      const life = new Life(bench, how, 20_260_101);
      for (let step = 0; step < STEPS; step++) await life.step();
      await life.judge();
    },
  ),
);
