// Children and threads, started in every way: do they get the switch, and does the program see the same. The connections
// are made by them; a listener of the server program answers.
import { exec, execFile, fork, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const talker = fileURLToPath(new URL('lib/talker.mjs', import.meta.url));
const { execPath } = process;
/** What makes another Node do as this one does: its flags, as they go into NODE_OPTIONS. */
const inherited = process.execArgv.map((word) => (word.startsWith('-') ? word : JSON.stringify(word))).join(' ');

/** A child's message and its end. */
const heard = async (child) => {
  const [message, code] = await Promise.all([record.until(child, 'message'), record.until(child, 'exit')]);
  return [message, code];
};
const threadHeard = (source, options) => heard(new Worker(source, options));
const words = ({ target }) => JSON.stringify(target);

/** A case whose client is a child or a thread that `start` starts. */
const by = (start) => ({
  server: { allowHalfOpen: true },
  accept(socket) {
    socket.on('error', () => {}).pipe(socket);
  },
  async connect(end) {
    end.note(await start(end));
  },
});

/** A case whose server is a child or a thread. */
const behind = (start) => ({
  async serve(end) {
    const child = start(end);
    const { port } = await record.until(child, 'message');
    const stop = () => (child.postMessage ?? child.send).call(child, 'stop');
    return { listening: true, address: () => ({ port }), close: stop };
  },
  async connect(end) {
    const socket = end.connect();
    socket.write('hello');
    await record.until(socket, 'data');
    socket.end();
    await record.until(socket, 'close');
  },
});

const inWorker = `
  const { parentPort, workerData } = require('node:worker_threads');
  const socket = require('net').connect(workerData);
  socket.on('close', () => parentPort.postMessage([socket.bytesRead, socket.bytesWritten]));
  socket.resume().end('from a string');`;
const nested = `
  const { parentPort, workerData, Worker } = require('node:worker_threads');
  new Worker(workerData.talker, { workerData }).once('message', (message) => parentPort.postMessage(message));`;

await runCases({
  fork: by((end) => heard(fork(talker, [words(end)]))),
  'fork, advanced serialization and silent': by((end) =>
    heard(fork(talker, [words(end)], { serialization: 'advanced', silent: true })),
  ),
  'fork without the flags': by((end) => heard(fork(talker, [words(end)], { execArgv: [] }))),
  'spawn with the flags': by(async (end) => {
    const child = spawn(execPath, [...process.execArgv, talker, words(end)], { stdio: ['ignore', 'pipe', 'inherit'] });
    return JSON.parse((await child.stdout.toArray()).join(''));
  }),
  'spawn with NODE_OPTIONS': by(async (end) => {
    const env = { ...process.env, NODE_OPTIONS: inherited || process.env.NODE_OPTIONS };
    const child = spawn(execPath, [talker, words(end)], { env, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    return heard(child);
  }),
  'execFile without the flags': by(async (end) => {
    const { stdout, stderr } = await promisify(execFile)(execPath, [talker, words(end)]);
    return [JSON.parse(stdout), stderr];
  }),
  'exec of a command line': by(async (end) => {
    const command = `${[execPath, ...process.execArgv, talker].map((word) => `'${word}'`).join(' ')} '${words(end)}'`;
    return JSON.parse((await promisify(exec)(command)).stdout);
  }),
  'spawnSync of a script in the command line': by((end) => {
    const script = `const s = require('net').connect(${words(end)}); s.resume().end('x').on('close', () => console.log('over'))`;
    const { stdout, stderr, status } = spawnSync(execPath, [...process.execArgv, '-e', script], { encoding: 'utf8' });
    return [stdout, stderr, status];
  }),
  'a worker': by((end) => threadHeard(talker, { workerData: end.target })),
  'a worker from a string': by((end) => threadHeard(inWorker, { workerData: end.target, eval: true })),
  'a worker without the flags': by((end) => threadHeard(talker, { workerData: end.target, execArgv: [] })),
  'a worker with an environment of its own': by((end) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(SD_|SOCKETS_|NODE_)/.test(name)));
    return threadHeard(talker, { workerData: end.target, env, argv: ['x'], stdout: true, stderr: true });
  }),
  'a worker with limits and a shared environment': by((end) =>
    threadHeard(talker, { workerData: end.target, env: SHARE_ENV, resourceLimits: { maxOldGenerationSizeMb: 64 } }),
  ),
  'a worker in a worker': by((end) => threadHeard(nested, { workerData: { ...end.target, talker }, eval: true })),
  'a listener in a fork': behind((end) => fork(talker, [JSON.stringify({ ...end.target, listen: true })])),
  'a listener in a worker': behind((end) => new Worker(talker, { workerData: { ...end.target, listen: true } })),
});
