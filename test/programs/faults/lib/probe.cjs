'use strict';
// A second preload for the programs of fault tests: writes down what the switch tells observers. One JSON line each,
// appended to the file that the environment names.
const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync } = require('node:fs');

const file = process.env.SD_FAULT_EVENTS;
for (const channel of ['route', 'link', 'error', 'listener']) {
  subscribe(`sockets-direct:${channel}`, (message) => {
    try {
      appendFileSync(file, `${JSON.stringify({ channel, at: Date.now(), ...message })}\n`);
    } catch {
      // A program that has used up its descriptors has no notices; some tests are about just that.
    }
  });
}
