// What a program sees of its sockets from the side (issue: every way in is covered; D1).
import { waysIn } from '../../support/ways-in.js';

waysIn('ways to look', {
  file: 'observers.mjs',
  cases: {
    AsyncLocalStorage: 'san',
    async_hooks: 'san',
    perf_hooks: 'san',
    'process._getActiveHandles': 'san',
    'util.inspect': 'san',
    diagnostics_channel: 'san',
  },
});
