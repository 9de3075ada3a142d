'use strict';
// The preload: `node -r sockets-direct/register app.js`. CommonJS on purpose: with `--import` Node 20 makes the program's
// entry asynchronous, which breaks IPC in cluster workers. Whatever fails, the program runs on, on TCP, and nothing is
// printed (DESIGN D9); `sockets-direct ss` tells why.
try {
  require('./dist/bundle/register.cjs');
} catch {
  // Not built, or no permission to read it: this process has no switch.
}
