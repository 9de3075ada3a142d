'use strict';
// A preload that tells routes on stdout, "route {…}": for programs that have no descriptor left for a file.
const { subscribe } = require('node:diagnostics_channel');

subscribe('sockets-direct:route', ({ side, carrier, reason }) => {
  process.stdout.write(`route ${JSON.stringify({ side, carrier, reason })}\n`);
});
