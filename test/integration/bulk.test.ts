// Large writes between real processes over shm, in every way they can travel; the long form is `npm run bulk` (2 GB a mode).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { nodeBinary, plainOnly, root } from '../support/program.js';

describe('mixed sizes both ways, with pauses, half-closes and aborts', { skip: plainOnly }, () => {
  for (const mode of ['pull', 'push', 'copy']) {
    test(`what arrives is what was written: ${mode} (XFER-1, XFER-6 … XFER-14, GAP-5, GAP-6, D7)`, () => {
      const args = ['scripts/bulk.mjs', '--modes', mode, '--megabytes', '96', '--largest-megabytes', '16'];
      const { status, stdout, stderr } = spawnSync(nodeBinary, args, { cwd: root, encoding: 'utf8', timeout: 300_000 });
      assert.equal(status, 0, `${stdout}${stderr}`);
    });
  }
});
