'use strict';

// Runs at `npm install`: makes the native addon available, from a prebuild or by building it. It never fails the
// install: without the addon every connection stays on TCP, and `sockets-direct ss` says why (D9).
//   --build   build even if a usable binary is there, and do fail (npm run build:native)

const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const insist = process.argv.includes('--build');

/** @param {string} line */
function say(line) {
  console.log(`sockets-direct: ${line}`);
}

function loads() {
  // In a process of its own: a broken binary may crash the one that loads it.
  const probe = `require('node-gyp-build')(${JSON.stringify(root)})`;
  return spawnSync(process.execPath, ['-e', probe], { cwd: root, stdio: 'ignore' }).status === 0;
}

/** node-gyp: npm and pnpm name their own copy; otherwise whatever is on the PATH. */
function nodeGyp() {
  const named = process.env['npm_config_node_gyp'];
  if (named && existsSync(named)) return { command: process.execPath, args: [named] };
  const besideNode = path.join(
    path.dirname(process.execPath),
    '../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js',
  );
  if (existsSync(besideNode)) return { command: process.execPath, args: [besideNode] };
  return { command: 'node-gyp', args: [] };
}

/** The headers that come with most installations of Node, so that building needs no network. */
function headers() {
  if (process.env['npm_config_nodedir']) return [];
  const prefix = path.join(path.dirname(process.execPath), '..');
  const wanted = ['node_api.h', 'uv.h', 'common.gypi'];
  return wanted.every((name) => existsSync(path.join(prefix, 'include/node', name))) ? [`--nodedir=${prefix}`] : [];
}

/** @returns {string | null} why it failed */
function build() {
  const { command, args } = nodeGyp();
  // Not "rebuild": that removes build/ first, also under a process that is just loading the addon from it.
  const result = spawnSync(command, [...args, 'configure', 'build', ...headers()], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (result.error) return `${command}: ${result.error.message}`;
  if (result.status === 0) {
    if (insist) process.stdout.write(result.stdout);
    return null;
  }
  if (insist) process.stderr.write(`${result.stdout}\n${result.stderr}\n`);
  const lines = `${result.stderr}\n${result.stdout}`.split('\n');
  const telling = lines.find((line) => / error: /.test(line)) ?? lines.find((line) => line.includes('ERR! stack'));
  return telling ? telling.trim() : `node-gyp ended with code ${String(result.status ?? result.signal)}`;
}

/** @returns {string | null} why there is no addon */
function install() {
  if (process.platform !== 'linux') return `no shared memory on ${process.platform}; connections stay on TCP`;
  if (!existsSync(path.join(root, 'binding.gyp'))) return 'no native sources here; connections stay on TCP';
  if (!insist && process.env['SOCKETS_DIRECT_SKIP_BUILD'] === '1')
    return 'SOCKETS_DIRECT_SKIP_BUILD=1: the native addon was not built; connections stay on TCP';
  // A git checkout always builds (make does nothing when nothing changed), so that the addon is never older than its source.
  const checkout = existsSync(path.join(root, '.git'));
  if (!insist && !checkout && loads()) return null;
  const why = build();
  if (why !== null) return `the native addon could not be built, connections stay on TCP (${why})`;
  return loads() ? null : 'the native addon was built but does not load; connections stay on TCP';
}

const problem = install();
if (problem !== null) {
  say(problem);
  if (insist) process.exitCode = 1;
}
