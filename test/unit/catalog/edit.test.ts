import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { installProvider, removeProvider } from '../../../src/catalog/edit.js';
import { readCatalogFile } from '../../../src/catalog/file.js';
import { withLock } from '../../../src/catalog/lock.js';
import { XP1_CONNECTIONLESS } from '../../../src/spi/index.js';
import { catalogPath, info, installation, ONE, TWO } from './support.js';

const lockUrl = new URL('../../../src/catalog/lock.js', import.meta.url).href;
const editUrl = new URL('../../../src/catalog/edit.js', import.meta.url).href;
const spiUrl = new URL('../../../src/spi/index.js', import.meta.url).href;

describe('installing in a catalog file', () => {
  test('makes the file, for this user alone to write, with the provider at the end of the list (SP-16…18)', async (context) => {
    const path = catalogPath(context);
    assert.equal(await installProvider(path, installation(ONE)), null);
    assert.equal(await installProvider(path, installation(TWO, { name: 'Fabric' })), null);
    const { document } = readCatalogFile(path);
    assert.deepEqual(document?.sanList, [
      { name: ONE, id: ONE },
      { name: 'Fabric', id: TWO },
    ]);
    assert.deepEqual(document.providers[0], { path: `/srv/${ONE}.cjs`, id: ONE, protocols: [info(ONE)] });
    assert.equal(statSync(path).mode & 0o022, 0);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(dirname(path)), ['providers.json'], 'and leaves nothing beside it');
  });

  test('puts one at the head of the list if that is wanted', async (context) => {
    const path = catalogPath(context);
    await installProvider(path, installation(ONE));
    await installProvider(path, installation(TWO, { first: true }));
    assert.deepEqual(
      readCatalogFile(path).document?.sanList.map(({ id }) => id),
      [TWO, ONE],
    );
  });

  test('refuses what is installed, a name that is taken, and what is no SAN provider', async (context) => {
    const path = catalogPath(context);
    await installProvider(path, installation(ONE, { name: 'Fabric' }));
    assert.match((await installProvider(path, installation(ONE))) ?? '', /is installed already/);
    assert.match((await installProvider(path, installation(TWO, { name: 'fabric' }))) ?? '', /"fabric" is taken/);
    const protocols = [info(TWO), info(TWO, { dwServiceFlags1: XP1_CONNECTIONLESS })];
    assert.match((await installProvider(path, installation(TWO, { protocols }))) ?? '', /connectionless/);
    assert.equal(readCatalogFile(path).document?.providers.length, 1);
  });

  test('does not overwrite a file that it does not understand', async (context) => {
    const path = catalogPath(context);
    mkdirSync(dirname(path), { mode: 0o700 });
    writeFileSync(path, '{"format":9}', { mode: 0o600 });
    assert.match((await installProvider(path, installation())) ?? '', /format is 9/);
    assert.equal(readFileSync(path, 'utf8'), '{"format":9}');
  });

  test('takes no harm from what a killed installer has left', async (context) => {
    const path = catalogPath(context);
    mkdirSync(dirname(path), { mode: 0o700 });
    writeFileSync(`${path}.tmp`, 'half a docu');
    assert.equal(await installProvider(path, installation()), null);
    assert.deepEqual(readdirSync(dirname(path)), ['providers.json']);
  });
});

test('removing takes a provider by id or by name, from the list as well (OBS-5)', async (context) => {
  const path = catalogPath(context);
  await installProvider(path, installation(ONE, { name: 'Fabric' }));
  await installProvider(path, installation(TWO));
  assert.match((await removeProvider(path, 'fabric 2')) ?? '', /"fabric 2" is not installed/);
  assert.equal(await removeProvider(path, 'Fabric'), null);
  assert.equal(await removeProvider(path, `{${TWO.toLowerCase()}}`), null);
  assert.deepEqual(readCatalogFile(path).document, { providers: [], sanList: [] });
  assert.match((await removeProvider(path, TWO)) ?? '', /is not installed/);
});

describe('several installers at once', () => {
  test('lose nothing, and a reader sees whole files only', async (context) => {
    const path = catalogPath(context);
    const code = `
      import { installProvider } from ${JSON.stringify(editUrl)};
      import { makeProtocolInfo } from ${JSON.stringify(spiUrl)};
      for (let i = 0; i < 5; i++) {
        const id = '11111111-2222-4333-8444-0000000000' + process.argv[1] + i;
        const protocols = [makeProtocolInfo({ ProviderId: id, szProtocol: 'p' })];
        const refused = await installProvider(${JSON.stringify(path)}, { path: '/x', id, name: id, protocols, first: false });
        if (refused !== null) throw new Error(refused);
      }`;
    const children = ['a', 'b', 'c', 'd'].map((letter) =>
      spawn(process.execPath, ['--input-type=module', '-e', code, letter], { stdio: ['ignore', 'inherit', 'inherit'] }),
    );
    let running = children.length;
    const ends = children.map(async (child) => {
      const [status] = (await once(child, 'exit')) as [number | null];
      running--;
      return status;
    });
    let looks = 0;
    let seen = 0;
    while (running > 0) {
      const { document, problem } = readCatalogFile(path);
      assert.equal(problem, null);
      assert.ok(document.providers.length >= seen, 'nothing that was installed goes away');
      seen = document.providers.length;
      looks++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0]);
    assert.ok(looks > 0);
    assert.equal(readCatalogFile(path).document?.providers.length, 20);
    assert.deepEqual(readdirSync(dirname(path)), ['providers.json']);
  });

  test('one waits while another holds the lock', async (context) => {
    const path = catalogPath(context);
    mkdirSync(dirname(path), { mode: 0o700 });
    const order: string[] = [];
    const code = `
      import { withLock } from ${JSON.stringify(lockUrl)};
      await withLock(${JSON.stringify(path)}, () => {
        process.stdout.write('held');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
        process.stdout.write('given');
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    context.after(() => child.kill());
    child.stdout.setEncoding('utf8').on('data', (text: string) => order.push(text));
    while (order.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const ended = once(child, 'exit');
    await withLock(path, () => order.push('mine'));
    await ended;
    assert.equal(order.join(' ').replace('heldgiven', 'held given'), 'held given mine');
  });

  test('the lock of one that was killed is taken away', async (context) => {
    const path = catalogPath(context);
    mkdirSync(dirname(path), { mode: 0o700 });
    const code = `
      import { withLock } from ${JSON.stringify(lockUrl)};
      await withLock(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'));`;
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code]);
    assert.equal(signal, 'SIGKILL');
    assert.equal(existsSync(`${path}.lock`), true, 'it was left');
    const taken = await Promise.all([withLock(path, () => 1), withLock(path, () => 2)]);
    assert.deepEqual(taken, [1, 2]);
    assert.deepEqual(readdirSync(dirname(path)), []);
  });
});
