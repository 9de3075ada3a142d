'use strict';
// A preload for the servers of package tests, so that the programs stay unmodified: SIGUSR2 has it print what the
// process holds at this moment, SIGURG which objects are reachable, as a line "left-<n> {json}".
const { readdirSync, readFileSync } = require('node:fs');
const { Socket } = require('node:net');
const { join } = require('node:path');
const { queryObjects } = require('node:v8');

const root = join(__dirname, '..', '..', '..');
const switched = process.execArgv.some((word) => word.endsWith('register.cjs'));
let asked = 0;

/** Objects of this class that are reachable; the garbage is collected first. */
const count = (type) => {
  const { emitWarning } = process;
  // The program's stderr is compared, and that this function is experimental is not its doing.
  process.emitWarning = () => {};
  try {
    return queryObjects(type, { format: 'count' });
  } finally {
    process.emitWarning = emitWarning;
  }
};

/** What the switch has on top of a plain process: all of it must be gone with the last connection. */
const ours = () => {
  const { connections, links } = require(join(root, 'dist', 'index.js')).stats();
  const mappings = readFileSync('/proc/self/maps', 'latin1').split('memfd:').length - 1;
  return { connections: connections.san.open, links: links.open, mappings };
};

const held = () => ({
  handles: process
    ._getActiveHandles()
    // stdout and stderr are made when they are first used.
    .filter((handle) => handle._isStdio !== true)
    .map((handle) => handle.constructor.name)
    // A channel to a child, which Node references and unreferences as it likes.
    .filter((name) => name !== 'Pipe')
    .sort(),
  // Without the descriptor that reads the list.
  descriptors: readdirSync('/proc/self/fd').length - 1,
  ours: switched ? ours() : null,
});

const { HybridHandle } = switched ? require(join(root, 'dist', 'net', 'handle.js')) : { HybridHandle: null };
/** Handles that the switch keeps for itself, from before the program. */
const kept = switched ? count(HybridHandle) : 0;

const objects = () => ({
  sockets: count(Socket),
  ours: switched
    ? {
        handles: count(HybridHandle) - kept,
        sessions: count(require(join(root, 'dist', 'session', 'index.js')).Session),
        connections: ours().connections,
      }
    : null,
});

const answerWith = (look) => () => {
  // What this turn's promises and weak references still hold is no leak.
  setImmediate(() => setImmediate(() => process.stdout.write(`left-${asked++} ${JSON.stringify(look())}\n`)));
};
process.on('SIGUSR2', answerWith(held));
process.on('SIGURG', answerWith(objects));
