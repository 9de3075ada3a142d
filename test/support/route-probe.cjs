'use strict';
// A second preload for test programs, so that the programs themselves stay unmodified: writes down by which route each
// connection went. One JSON line per notice of the diagnostics channel, appended to the file that the environment names.
const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync } = require('node:fs');
const { threadId } = require('node:worker_threads');

const file = process.env.SD_TEST_ROUTES;
if (file) {
  subscribe('sockets-direct:route', (message) => {
    appendFileSync(file, `${JSON.stringify({ pid: process.pid, threadId, ...message })}\n`);
  });
}
