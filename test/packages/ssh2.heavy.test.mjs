import { packageTest } from './support/package-test.mjs';

packageTest('ssh2', ['ssh2'], {
  programs: ['express-server.cjs', 'ssh-server.mjs', 'ssh-client.mjs'],
  keeps: true,
  parameters: { pooled: true },
});
