// Node's source of a major version, for its tests: Debian's `nodejs` source package, which has all of them. apt downloads
// and verifies it, with lists of its own in .cache/node-source, so that nothing of the machine's is touched and no
// privilege is needed. Only what the tests need is unpacked.
//   node scripts/node-source.mjs 22      prints the path of the tree
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../.cache/node-source', import.meta.url));
/** Where a major version is looked for, the calmest suite first. */
const SUITES = ['trixie', 'forky', 'sid'];
const DEFAULT_MIRROR = 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** What tests read besides `test` itself: benchmarks, tools and library files by path. */
const NEEDED = [
  'test',
  'src/node_version.h',
  'lib',
  'tools',
  'benchmark',
  'doc',
  'common.gypi',
  'deps/undici',
  'deps/npm',
];
/** A mirror that does not answer must not hold a build up. */
const APT_TIMEOUT_S = 30;

/** The tree is not to be had here and now: no apt, no network, no suite that has the version. */
export class NodeSourceUnavailable extends Error {}

/** @param {number} major @returns {string} path of a tree with `test/` and what it needs */
export function obtainNodeSource(major) {
  const tree = path.join(cache, String(major));
  mkdirSync(cache, { recursive: true });
  // Or this project's own manifest would make modules of all tests.
  writeFileSync(path.join(cache, 'package.json'), '{ "private": true }\n');
  if (existsSync(path.join(tree, 'src/node_version.h'))) return tree;
  if (spawnSync('apt-get', ['--version']).status !== 0) {
    throw new NodeSourceUnavailable(
      `no apt-get here: get Node ${major}'s source otherwise (https://nodejs.org/dist) and give its path with --tree`,
    );
  }
  for (const suite of SUITES) {
    const found = findPackage(suite, major);
    if (found === null) continue;
    const folder = path.join(cache, 'tarballs');
    unpack(download(found, folder), tree);
    rmSync(folder, { recursive: true });
    return tree;
  }
  throw new NodeSourceUnavailable(`none of ${SUITES.join(', ')} has Node ${major}, or ${mirror()} cannot be reached`);
}

/** The Debian mirror that this machine uses. */
function mirror() {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : []),
  ];
  for (const file of files) {
    if (!existsSync(file)) continue;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (!/^\s*(deb\s|URIs:)/.test(line)) continue;
      const uri = /\S+:\/\/\S*\/debian\/?(?=\s|$)/.exec(line);
      if (uri !== null) return uri[0].replace(/\/$/, '');
    }
  }
  return DEFAULT_MIRROR;
}

/**
 * An apt command with lists and settings of its own for one suite.
 * @param {string} command @param {string} suite @param {string[]} args @param {string} cwd
 */
function apt(command, suite, args, cwd = cache) {
  const own = path.join(cache, 'apt', suite);
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(path.join(own, folder), { recursive: true });
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  writeFileSync(path.join(own, 'sources.list'), `deb-src ${signed}${mirror()} ${suite} main\n`);
  const options = {
    'Dir::Etc::sourcelist': path.join(own, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': path.join(own, 'lists'),
    'Dir::Cache': path.join(own, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': String(APT_TIMEOUT_S),
    'Acquire::https::Timeout': String(APT_TIMEOUT_S),
    'APT::Sandbox::User': '',
  };
  const settings = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return spawnSync(command, [...settings, ...args], { cwd, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
}

/**
 * The suite's package if it is of that major, else null: its version, its tarball, and what that must hash to.
 * @param {string} suite @param {number} major
 */
function findPackage(suite, major) {
  if (apt('apt-get', suite, ['update', '-q']).status !== 0) return null;
  for (const text of apt('apt-cache', suite, ['showsrc', '--only-source', 'nodejs']).stdout.split(/\n\n+/)) {
    const version = /^Version: (\S+)$/m.exec(text)?.[1] ?? '';
    const [, sha256, tarball] = /^ ([0-9a-f]{64}) \d+ (nodejs_\S+\.orig\.tar\.xz)$/m.exec(text) ?? [];
    if (version.startsWith(`${major}.`) && tarball !== undefined) return { suite, version, sha256, tarball };
  }
  return null;
}

/** @param {NonNullable<ReturnType<typeof findPackage>>} found @param {string} folder @returns {string} the tarball */
function download({ suite, version, sha256, tarball }, folder) {
  mkdirSync(folder, { recursive: true });
  const { stderr } = apt(
    'apt-get',
    suite,
    ['source', '-q', '--download-only', '--tar-only', `nodejs=${version}`],
    folder,
  );
  // In a suite that moves fast the package's lesser files may be gone from the mirror; the one we want is still there.
  const file = path.join(folder, tarball);
  const good = existsSync(file) && createHash('sha256').update(readFileSync(file)).digest('hex') === sha256;
  if (!good) throw new NodeSourceUnavailable(`apt-get source nodejs=${version} failed:\n${stderr.trim()}`);
  return file;
}

/** @param {string} tarball @param {string} tree */
function unpack(tarball, tree) {
  const unfinished = `${tree}.unpacking`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const wanted = NEEDED.map((name) => `*/${name}`);
  // Not each version has all of them, which tar takes for a failure; what counts is what is there afterwards.
  const args = ['-xJf', tarball, '-C', unfinished, '--strip-components=1', '--no-same-owner', '--wildcards', ...wanted];
  const { stderr } = spawnSync('tar', args, { encoding: 'utf8' });
  if (!existsSync(path.join(unfinished, 'src/node_version.h')) || !existsSync(path.join(unfinished, 'test/common'))) {
    throw new NodeSourceUnavailable(`${tarball} is not what was expected: ${stderr.trim()}`);
  }
  rmSync(tree, { recursive: true, force: true });
  renameSync(unfinished, tree);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(obtainNodeSource(Number(process.argv[2])));
