'use strict';
/*
 * A second preload, only in children that run under the switch: it lets the rig prove which route carried a socket, so
 * that a run which silently fell back to TCP can never be reported as a run of the SAN. It asks the package's own
 * `routeOf(socket)`; where that is missing it listens to the diagnostics channel 'sockets-direct:route'.
 * Kept out of the measured program, which is the same file for every adapter.
 */
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const ENTRY = join(__dirname, '..', 'dist', 'index.js');
const HOOK = Symbol.for('sockets-direct.bench.routeOf');
/** Remembered routes, when only the channel tells; the oldest go first. */
const REMEMBERED = 20_000;

/** @returns {{ san: boolean, text: string } | null} null = nothing is known about it */
function verdict(route) {
  if (route === null || route === undefined) return null;
  if (route.route === 'san') return { san: true, text: `san (${route.provider})` };
  if (route.route === 'tcp') return { san: false, text: `tcp (${route.reason})` };
  return null;
}

const api = existsSync(ENTRY) ? require(ENTRY) : {};

if (typeof api.routeOf === 'function') {
  globalThis[HOOK] = (socket) => verdict(api.routeOf(socket));
} else {
  /** Local port > remote port: all runs are on 127.0.0.1. */
  const routes = new Map();
  require('node:diagnostics_channel').subscribe('sockets-direct:route', (/** @type {any} */ message) => {
    if (routes.size >= REMEMBERED) routes.delete(routes.keys().next().value);
    if (message.local !== null) routes.set(`${message.local.port}>${message.remote.port}`, message);
  });
  globalThis[HOOK] = (socket) => verdict(routes.get(`${socket.localPort}>${socket.remotePort}`));
}
