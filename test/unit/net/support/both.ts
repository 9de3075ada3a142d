// Runs the same program on TCP and on the memory switch.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { after, before, test } from 'node:test';
import type { InstalledNet } from '../../../../src/net/index.js';
import { installMemorySwitch, type MemorySwitch } from './memory-switch.js';

export interface Bench {
  san: MemorySwitch;
  net: InstalledNet;
}

/** Installs the memory switch around the tests of a file, and checks afterwards that nothing is left. */
export function useMemorySwitch(): Bench {
  const bench = {} as Bench;
  before(() => {
    Object.assign(bench, installMemorySwitch());
  });
  after(() => {
    assert.deepEqual(bench.san.misuse(), []);
    assert.equal(bench.san.held, 0, 'holds are balanced');
    assert.deepEqual(
      [...bench.net.routes.live()].map(({ carrier, role }) => `${carrier} ${role}`),
      [],
      'no connection is left on the list',
    );
    bench.net.restore();
  });
  return bench;
}

/** `program` must give equal results on both carriers, and must really have used each. */
export function both<T>(bench: Bench, name: string, program: () => Promise<T>): void {
  test(name, async () => {
    const { san } = bench;
    san.outcome = 'connect';
    san.window = 65536;
    san.enabled = false;
    const before = san.sessions.length;
    const tcp = await program();
    assert.equal(san.sessions.length, before);
    san.enabled = true;
    const fast = await program();
    assert.ok(san.sessions.length > before, 'the second run must use the SAN');
    assert.deepEqual(fast, tcp);
  });
}

export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
