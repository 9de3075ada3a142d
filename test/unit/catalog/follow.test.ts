import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Catalog } from '../../../src/catalog/index.js';
import { installProvider, removeProvider } from '../../../src/catalog/edit.js';
import { CatalogFollower } from '../../../src/catalog/follow.js';
import { createOverlapped, makeProtocolInfo, NULL_HANDLE } from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { catalogPath, info, installation, ONE, TWO } from './support.js';

const OWN = '99999999-2222-4333-8444-555555555555';
const errno = { value: 0 };

interface Followed {
  readonly catalog: Catalog;
  readonly follower: CatalogFollower;
  readonly problems: string[];
  /** How often WSAProviderConfigChange has told of a change. */
  readonly notices: { count: number };
  readonly list: () => readonly string[];
}

/** A catalog with a provider of its own, which is preferred, and a follower of the file at `path`. */
function follow(context: TestContext, path: string): Followed {
  const catalog = new Catalog();
  const own = makeProtocolInfo({ ProviderId: OWN, szProtocol: 'own' });
  catalog.WSCInstallProvider(OWN, 'own', () => assert.fail('not loaded'), [own], errno);
  catalog.addToSanList(OWN);
  const problems: string[] = [];
  const notices = { count: 0 };
  const handle = { value: NULL_HANDLE };
  const again = (): void => {
    notices.count++;
    catalog.WSAProviderConfigChange(handle, createOverlapped(), again, errno);
  };
  catalog.WSAProviderConfigChange(handle, createOverlapped(), again, errno);
  catalog.WSAProviderConfigChange(handle, createOverlapped(), again, errno);
  const follower = new CatalogFollower({
    catalog,
    path,
    loader: () => () => assert.fail('nothing is loaded by installing it'),
    arrange: (ids) => [OWN, ...ids],
    onProblem: (problem) => problems.push(problem),
  });
  context.after(() => follower.stop());
  follower.start();
  return { catalog, follower, problems, notices, list: () => catalog.sanList() };
}

/** inotify descriptors of this process. */
const watches = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:inotify';
    } catch {
      return false;
    }
  }).length;

describe('a follower of a catalog file', () => {
  // First, for libuv keeps a loop's one inotify descriptor once it has it.
  test('holds nothing and tells nothing where there is no catalog', (context) => {
    const path = catalogPath(context);
    const { follower, problems, notices, list } = follow(context, path);
    assert.equal(watches(), 0);
    assert.deepEqual([follower.problem, problems, notices.count, list()], [null, [], 0, [OWN]]);
  });

  test('has what is installed, in the order that the configuration gives (SP-18)', async (context) => {
    const path = catalogPath(context);
    await installProvider(path, installation(ONE));
    await installProvider(path, installation(TWO, { first: true }));
    const { catalog, list } = follow(context, path);
    assert.deepEqual(list(), [OWN, TWO, ONE]);
    assert.equal(catalog.entry(ONE)?.path, `/srv/${ONE}.cjs`);
  });

  test('sees what other programs change, by one notice for each change (SW-19, SW-20)', async (context) => {
    const path = catalogPath(context);
    mkdirSync(dirname(path), { mode: 0o700 });
    const { notices, list } = follow(context, path);
    await installProvider(path, installation(ONE));
    await until(() => list().includes(ONE), 'the first');
    assert.equal(notices.count, 1);
    await installProvider(path, installation(TWO));
    await until(() => list().includes(TWO), 'the second');
    await removeProvider(path, ONE);
    await until(() => !list().includes(ONE), 'the removal');
    assert.deepEqual(list(), [OWN, TWO]);
    assert.equal(notices.count, 3);
  });

  test('misses nothing between its reading and its watching (SW-22)', async (context) => {
    const path = catalogPath(context);
    mkdirSync(dirname(path), { mode: 0o700 });
    // Installed in the same turn of the event loop, before any notice can come.
    const installing = installProvider(path, installation(ONE));
    const { list } = follow(context, path);
    await installing;
    await until(() => list().includes(ONE), 'what was installed meanwhile');
  });

  test('looks when it is asked to, where nothing could tell it', async (context) => {
    const path = catalogPath(context);
    const { follower, list } = follow(context, path);
    await installProvider(path, installation(ONE));
    follower.refresh();
    assert.deepEqual(list(), [OWN, ONE]);
    // From now on there is a directory to watch.
    await installProvider(path, installation(TWO));
    await until(() => list().includes(TWO), 'the second');
  });

  test('installs anew what was installed with something else', async (context) => {
    const path = catalogPath(context);
    await installProvider(path, installation(ONE));
    const { catalog, follower } = follow(context, path);
    const before = catalog.entry(ONE)?.info.dwCatalogEntryId;
    await removeProvider(path, ONE);
    await installProvider(path, installation(ONE, { path: '/srv/other.cjs' }));
    follower.refresh();
    assert.equal(catalog.entry(ONE)?.path, '/srv/other.cjs');
    assert.notEqual(catalog.entry(ONE)?.info.dwCatalogEntryId, before, 'so that the switch starts it again');
  });

  test('keeps what is installed while the file is bad, and says so once', async (context) => {
    const path = catalogPath(context);
    await installProvider(path, installation(ONE));
    const { follower, problems, list } = follow(context, path);
    writeFileSync(path, 'not JSON');
    follower.refresh();
    follower.refresh();
    assert.deepEqual(list(), [OWN, ONE]);
    assert.equal(problems.length, 1);
    assert.match(problems[0], /providers\.json not JSON/);
    assert.equal(follower.problem, problems[0]);
    rmSync(path);
    follower.refresh();
    assert.deepEqual([follower.problem, list()], [null, [OWN]], 'no file is an empty catalog');
  });

  test('does not take an id from a provider of the configuration', async (context) => {
    const path = catalogPath(context);
    await installProvider(path, installation(OWN, { protocols: [info(OWN)] }));
    const { catalog, problems, list } = follow(context, path);
    assert.deepEqual(list(), [OWN]);
    assert.equal(catalog.entry(OWN)?.path, 'own');
    assert.match(problems[0], /in use by a provider of the configuration/);
  });

  test('finds the directory again after it was replaced', async (context) => {
    const path = catalogPath(context);
    await installProvider(path, installation(ONE));
    const { follower, list } = follow(context, path);
    renameSync(dirname(path), `${dirname(path)}-away`);
    await until(() => !list().includes(ONE), 'the directory’s going');
    await installProvider(path, installation(TWO));
    // Nothing watches a directory that was not there; whoever installs asks (cli/providers.ts), and then it is watched.
    follower.refresh();
    assert.deepEqual(list(), [OWN, TWO]);
    await removeProvider(path, TWO);
    await until(() => !list().includes(TWO), 'the removal');
  });

  test('does not look any more once it is stopped', async (context) => {
    const path = catalogPath(context);
    const { follower, list } = follow(context, path);
    follower.stop();
    await installProvider(path, installation(ONE));
    follower.refresh();
    assert.deepEqual(list(), [OWN]);
  });
});
