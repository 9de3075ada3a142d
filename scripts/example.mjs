// Builds and tests examples/third-party-provider as its author would: against the packed package, in a folder of its own
// (npm run example). Needs no network: the package's one dependency is packed from node_modules, and the development tools
// (TypeScript, Node's types) are this repository's. The addon is the one that is built here, for building it again
// shows nothing more.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'sockets-direct-example-'));
const place = join(work, 'third-party-provider');

/** @param {string} title @param {string} command @param {readonly string[]} args @param {string} cwd */
function step(title, command, args, cwd) {
  console.log(`== ${title}`);
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: '', npm_config_loglevel: 'error' },
  });
  if (status !== 0) throw new Error(`${title}: ${error?.message ?? `failed (${status})`}`);
}

/** @param {string} folder */
function pack(folder) {
  step(`pack ${folder}`, 'npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', work], folder);
}

try {
  pack(root);
  pack(join(root, 'node_modules/node-gyp-build'));
  cpSync(join(root, 'examples/third-party-provider'), place, {
    recursive: true,
    filter: (path) => !/\/(dist|node_modules)$/.test(path),
  });
  // They are symbolic links below; npm would ask the registry for their versions even if told to omit them.
  step('without what is only for development', 'npm', ['pkg', 'delete', 'devDependencies'], place);
  const tarballs = readdirSync(work).filter((name) => name.endsWith('.tgz'));
  const paths = tarballs.map((name) => join('..', name));
  const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev'];
  step('install', 'npm', ['install', '--offline', ...quiet, ...paths], place);
  const built = join(root, 'build/Release/sockets_direct.node');
  if (!existsSync(built)) throw new Error('the addon is not built (npm run build:native)');
  const release = join(place, 'node_modules/sockets-direct/build/Release');
  mkdirSync(release, { recursive: true });
  cpSync(built, join(release, 'sockets_direct.node'));
  mkdirSync(join(place, 'node_modules/.bin'), { recursive: true });
  for (const name of ['@types', 'typescript']) {
    symlinkSync(join(root, 'node_modules', name), join(place, 'node_modules', name));
  }
  symlinkSync('../typescript/bin/tsc', join(place, 'node_modules/.bin/tsc'));
  step('build, and test with the kit and through the switch', 'npm', ['test'], place);
} finally {
  rmSync(work, { recursive: true, force: true });
}
