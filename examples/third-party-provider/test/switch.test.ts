// Does it carry the connections of programs that know nothing of it? Installed as docs/OPERATING.md of sockets-direct has it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const manifest = createRequire(import.meta.url).resolve('sockets-direct/package.json');
const cli = join(dirname(manifest), 'dist/cli/main.js');

test('a program’s connection goes over the installed provider, and every byte comes back', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'unix-san-home-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    XDG_RUNTIME_DIR: home,
    SOCKETS_DIRECT_CATALOG: join(home, 'providers.json'),
    SOCKETS_DIRECT_PROVIDERS: 'catalog',
    SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '5000', // a busy machine is no reason to take TCP
  };
  const module = join(here, '../src/index.js');
  const installed = await run(process.execPath, [cli, 'providers', 'install', module, '--name', 'unix-san'], { env });
  assert.match(installed.stdout, /Installed unix-san/);
  const program = join(here, 'programs/echo.js');
  const { stdout } = await run(process.execPath, ['-r', 'sockets-direct/register', program], { env, cwd: here });
  const { route, same } = JSON.parse(stdout) as { route: { route: string; provider: string | null }; same: boolean };
  assert.deepEqual([route.route, route.provider], ['san', 'unix-san']);
  assert.equal(same, true, 'the bytes that came back');
});
