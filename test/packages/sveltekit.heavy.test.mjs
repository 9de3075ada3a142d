import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nodeBinary } from '../../out/test/support/program.js';
import { packageTest } from './support/package-test.mjs';

const site = mkdtempSync(join(tmpdir(), 'sockets-direct-sveltekit-'));
after(() => rmSync(site, { recursive: true }));
cpSync(fileURLToPath(new URL('programs/sveltekit-site/', import.meta.url)), site, { recursive: true });
symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(site, 'node_modules'));
const built = spawnSync(nodeBinary, ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error'], {
  cwd: site,
  encoding: 'utf8',
});
if (built.status !== 0) {
  throw new Error(`the site could not be built\n${built.stdout}\n${built.stderr}`);
}
packageTest('SvelteKit in front of an API', ['@sveltejs/kit', '@sveltejs/adapter-node', 'svelte'], {
  programs: ['express-server.cjs', 'sveltekit-server.mjs', 'ssr-client.mjs'],
  parameters: { site, pooled: true },
  keeps: true,
  within: 240_000,
});
