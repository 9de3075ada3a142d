'use strict';
// What the programs of this folder share: a record of what happened to their sockets, printed as one JSON line.
// The record holds only what must be equal on TCP and on the SAN: the order of a socket's events, its bytes, its
// error codes and its addresses; never times, chunk sizes or how often a 'drain' came.
const { createCipheriv, createHash } = require('node:crypto');

const SOCKET_EVENTS = [
  'connectionAttempt',
  'connectionAttemptFailed',
  'connect',
  'ready',
  'secureConnect',
  'end',
  'finish',
  'timeout',
];
const log = { facts: {}, sockets: {} };
const groups = new Set();
/** Watched sockets that have not closed, with their labels. */
const open = new Map();

/** Writes the line "ready {json}" by which a test knows that the program can be reached, and where. */
const ready = (info) => {
  process.stdout.write(`ready ${JSON.stringify(info)}\n`);
};

/** Keeps a fact of this run under a name, once; a function is asked for it at the end of the process. */
const fact = (name, value) => {
  if (name in log.facts) {
    throw new Error(`the fact ${name} was recorded twice`);
  }
  log.facts[name] = value;
};

/** Turns of the event loop in which all that has come by a moment is heard of; some of it takes two or three. */
const TURNS = 10;

/**
 * Calls `stop` when the test sends SIGTERM. The program then ends by itself: nothing may hold its event loop. What peers
 * did before the test sent it is heard of first, however late this process gets to run.
 */
const onStop = (stop) => {
  process.once('SIGTERM', async () => {
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise(setImmediate);
    }
    stop();
  });
};

/** Resolves when all sockets of watch() and watchGroup() have closed: for who would close them by ending. */
const allClosed = async () => {
  while (open.size > 0) {
    await delay(5);
  }
};

/** The JSON object a test gave as the first argument; {} without one. */
const parameters = () => JSON.parse(process.argv[2] ?? '{}');

const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** `length` bytes that depend only on `seed`: both ends can make them and compare. */
const bytes = (seed, length) => {
  const key = createHash('sha256').update(String(seed)).digest();
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(length));
};

/** The names of both ends, as a program can ask for them. */
const addresses = (socket) => ({
  localFamily: socket.localFamily,
  localAddress: socket.localAddress,
  localPort: socket.localPort,
  remoteFamily: socket.remoteFamily,
  remoteAddress: socket.remoteAddress,
  remotePort: socket.remotePort,
});

/** An error as a program tells it apart. */
const describeError = (error) => [error.name, error.code, error.syscall].filter((part) => part !== undefined).join(' ');

/**
 * Records the events of `socket` under `label`.
 * `read`: also read it (an own 'data' listener, with a hash of everything received).
 * `bytes`: also keep bytesRead and bytesWritten at 'close'.
 */
const watch = (label, socket, { read = true, bytes: counted = true, names = true, skip = [] } = {}) => {
  if (label in log.sockets) {
    throw new Error(`the socket ${label} was recorded twice`);
  }
  const entry = { events: [] };
  log.sockets[label] = entry;
  const note = (text) => entry.events.push(text);
  for (const event of SOCKET_EVENTS) {
    if (!skip.includes(event)) {
      socket.on(event, () => note(event));
    }
  }
  if (names) {
    if (socket.remoteAddress === undefined) {
      socket.once('connect', () => Object.assign(entry, addresses(socket)));
    } else {
      Object.assign(entry, addresses(socket));
    }
  }
  if (read) {
    const hash = createHash('sha256');
    entry.received = 0;
    socket.on('data', (chunk) => {
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      entry.received += data.length;
      hash.update(data);
      if (entry.events.at(-1) !== 'data' && !skip.includes('data')) {
        note('data');
      }
    });
    socket.on('close', () => {
      entry.sha256 = hash.copy().digest('hex');
    });
  }
  socket.on('error', (error) => note(`error ${describeError(error)}`));
  open.set(socket, label);
  socket.on('close', (hadError) => {
    open.delete(socket);
    note(`close ${hadError}`);
    if (counted) {
      entry.bytesRead = socket.bytesRead;
      entry.bytesWritten = socket.bytesWritten;
    }
  });
  return socket;
};

/** Adds a line to the record of a watched socket, in its order. */
const note = (label, text) => {
  log.sockets[label].events.push(text);
};

/** Resolves when `emitter` emits `event`; also on 'close' and 'error', which are events like others here. */
const until = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Like watch(), for sockets whose number and order is a matter of chance (a pool's, say): only which sequences of events
 * there were is kept, under `label`.
 */
const watchGroup = (label, socket, options) => {
  groups.add(label);
  return watch(`${label} #${Object.keys(log.sockets).length}`, socket, { ...options, names: false, bytes: false });
};

const foldGroups = () => {
  for (const label of groups) {
    const sequences = new Set();
    for (const [name, { events }] of Object.entries(log.sockets)) {
      if (name.startsWith(`${label} #`)) {
        sequences.add(events.join(', '));
        delete log.sockets[name];
      }
    }
    log.facts[label] = [...sequences].sort();
  }
};

/** Resolves with read() once it was the same, and above zero, for 100 ms. */
const settled = async (read) => {
  for (let last = 0; ; ) {
    await delay(100);
    const now = read();
    if (now === last && now > 0) {
      return now;
    }
    last = now;
  }
};

// The test asks so before it kills a program that does not end.
process.on('SIGHUP', () => {
  const waiting = { open: [...open.values()], resources: process.getActiveResourcesInfo(), ...log };
  process.stderr.write(`so far: ${JSON.stringify(waiting)}\n`);
});

process.once('exit', () => {
  foldGroups();
  for (const [name, value] of Object.entries(log.facts)) {
    if (typeof value === 'function') {
      log.facts[name] = value();
    }
  }
  process.stdout.write(`log ${JSON.stringify(log)}\n`);
});

module.exports = {
  addresses,
  allClosed,
  bytes,
  delay,
  describeError,
  fact,
  note,
  onStop,
  parameters,
  ready,
  settled,
  sha256,
  until,
  watch,
  watchGroup,
};
