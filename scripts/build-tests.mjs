// Compiles src to dist and test to out/test, and links out/src to dist: a test's "../../src/x.js" is then, at run time,
// the published file itself (Node resolves the link), so that no module exists twice.
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

const link = `${root}out/src`;
const target = '../dist';
mkdirSync(`${root}out`, { recursive: true });
const present = lstatSync(link, { throwIfNoEntry: false });
if (!present?.isSymbolicLink() || readlinkSync(link) !== target) {
  rmSync(link, { recursive: true, force: true });
  symlinkSync(target, link);
}

const result = spawnSync(process.execPath, [tsc, '-b', 'tsconfig.test.json'], { cwd: root, stdio: 'inherit' });
process.exitCode = result.status ?? 1;
// Programs under test get the switch as everybody does, from the bundle.
if (result.status === 0) await import('./bundle.mjs');
