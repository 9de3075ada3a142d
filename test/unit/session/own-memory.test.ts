// What dead received data costs the garbage collector: nothing that is left for later, but on Node 24.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const MODULE = new URL('../../../src/session/own-memory.js', import.meta.url).href;
/**
 * Receives so many MiB. Then, ten times, receives 1 MiB more, lets go of it and has young memory collected. Prints
 * whether V8 was told anything, and the most that still counted right after a collection, in MiB.
 */
const PROGRAM = `
import v8 from 'node:v8';
import { syncBuiltinESMExports } from 'node:module';
import { runInNewContext } from 'node:vm';
const { setFlagsFromString } = v8;
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
let told = false;
v8.setFlagsFromString = (flag) => { told = true; setFlagsFromString(flag); };
syncBuiltinESMExports();
const { ownMemory } = await import(${JSON.stringify(MODULE)});
const receive = (mebibytes) => { for (let n = mebibytes * 16; n > 0; n--) ownMemory(65536); };
receive(Number(process.argv[1]));
let most = 0;
for (let round = 0; round < 10; round++) {
  gc();
  await new Promise((done) => setTimeout(done, 5)); // for what another thread still frees,
  new ArrayBuffer(8); // and V8 looks at that when the next buffer is made
  const before = process.memoryUsage().arrayBuffers;
  receive(1);
  gc({ type: 'minor' });
  most = Math.max(most, process.memoryUsage().arrayBuffers - before);
}
console.log(JSON.stringify({ told, most: most / 1048576 }));
`;

function received(mebibytes: number, argv: readonly string[] = []): { told: boolean; most: number } {
  const line = execFileSync(process.execPath, [...argv, '--input-type=module', '-e', PROGRAM, String(mebibytes)]);
  return JSON.parse(line.toString()) as { told: boolean; most: number };
}

const without = Number.parseInt(process.versions.v8, 10) === 13 && 'V8 compares in another way';

describe('memory of received data that the program has let go of', () => {
  test('is freed within the scavenge in a process that receives in bulk', { skip: without }, () => {
    const { told, most } = received(32);
    assert.equal(told, true);
    assert.ok(most < 0.1, `${most} MiB still counted`);
  });

  test('leaves code caches valid', () => {
    const script = `
      const { Script } = require('node:vm');
      const { existsSync, readFileSync, writeFileSync } = require('node:fs');
      const [file, flag] = process.argv.slice(1);
      if (flag !== undefined) require('node:v8').setFlagsFromString(flag);
      const source = '(function cached(a) { return a + 1; })';
      if (!existsSync(file)) writeFileSync(file, new Script(source).createCachedData());
      else console.log(new Script(source, { cachedData: readFileSync(file) }).cachedDataRejected);
    `;
    const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-'));
    const run = (...argv: string[]): string =>
      execFileSync(process.execPath, ['-e', script, join(folder, 'cache'), ...argv]).toString();
    try {
      run();
      assert.equal(run('--no-concurrent-array-buffer-sweeping'), 'false\n');
      assert.equal(run('--no-flush-bytecode'), 'true\n', 'a flag that counts');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is V8’s business in one that does not', () => {
    assert.equal(received(16).told, false);
  });

  test('is V8’s business where its flag was given', () => {
    assert.equal(received(32, ['--concurrent-array-buffer-sweeping']).told, false);
  });

  test('is V8’s business where that would gain nothing', { skip: without === false }, () => {
    assert.equal(received(32).told, false);
  });
});
