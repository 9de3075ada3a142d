import { packageTest } from './support/package-test.mjs';

packageTest("vite's dev server", ['vite'], {
  programs: ['express-server.cjs', 'vite-server.mjs', 'vite-client.mjs'],
  parameters: { pooled: true },
  keeps: true,
  within: 240_000,
});
