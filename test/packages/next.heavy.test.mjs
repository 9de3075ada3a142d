import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeBinary } from '../../out/test/support/program.js';
import { packageTest } from './support/package-test.mjs';

const site = mkdtempSync(join(tmpdir(), 'sockets-direct-next-'));
after(() => rmSync(site, { recursive: true }));
cpSync(fileURLToPath(new URL('programs/next-site/', import.meta.url)), site, { recursive: true });
symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(site, 'node_modules'));
// The other bundler does not take packages from outside of the site.
const built = spawnSync(nodeBinary, ['node_modules/next/dist/bin/next', 'build', '--webpack'], {
  cwd: site,
  encoding: 'utf8',
  env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_OPTIONS: '' },
});
if (built.status !== 0) {
  throw new Error(`the site could not be built\n${built.stdout}\n${built.stderr}`);
}
packageTest('Next.js in front of an API', ['next', 'react'], {
  programs: ['express-server.cjs', 'next-server.mjs', 'next-client.mjs'],
  parameters: { site, pooled: true },
  keeps: true,
  remembering: ['next-server.mjs'],
  within: 240_000,
});
