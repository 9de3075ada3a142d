// What keeps a program alive, and what does not: threads that have nothing to do but a socket. One that is not kept ends by
// itself, before its peer does anything; of one that is kept the peer has to end the connection.
import http from 'node:http';
import net from 'node:net';
import { Worker } from 'node:worker_threads';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const holder = new URL('lib/holder.mjs', import.meta.url);

/** Starts a thread; its end comes as what it has heard by then. */
const hold = (what, target) => {
  const worker = new Worker(holder, { workerData: { what, ...target } });
  let last = null;
  worker.on('message', (message) => {
    last = message;
  });
  const state = { worker, ended: false, ready: record.until(worker, 'message') };
  state.end = record.until(worker, 'exit').then((code) => {
    state.ended = true;
    return [code, last];
  });
  return state;
};

/** The thread connects. `stays`: until its peer lets go, which it does when it is asked to on another connection. */
const connecting = (stays, serve) => ({
  serve:
    serve ??
    (() => {
      const held = [];
      return net.createServer((socket) => {
        socket.on('error', () => {}).pause();
        held.push(socket);
        if (held.length === 1) return;
        for (const one of held) one.resume().end();
      });
    }),
  async connect(end) {
    const state = hold(end.name, end.target);
    await state.ready;
    if (stays) {
      await record.delay(200);
      end.note('is kept', !state.ended);
      const release = net.connect(end.target).resume();
      await record.until(release, 'close');
    }
    end.note(await state.end);
  },
});

/** The thread listens, and what it accepts is what may keep it. */
const accepting = (stays) => ({
  async serve(end) {
    const state = hold(end.name, end.target);
    const { port } = await state.ready;
    state.end.then((result) => end.note(result));
    return { listening: true, address: () => ({ port }), close() {} };
  },
  async connect(end) {
    const socket = end.connect({ allowHalfOpen: true });
    await record.until(socket, 'data');
    if (stays) {
      await record.delay(200);
      end.note(socket.readyState);
      socket.end();
    }
    await record.until(socket, 'end');
    socket.end();
    await record.until(socket, 'close');
  },
});

const site = () => http.createServer((_request, response) => response.end('answer'));

await runCases({
  'an unreferenced socket': connecting(false),
  'a referenced socket': connecting(true),
  'a socket, unreferenced and referenced again': connecting(true),
  'a socket, unreferenced before it is connected': connecting(false),
  'an unreferenced socket with a timeout': connecting(false),
  'an unreferenced socket with a write under way': connecting(true),
  'an agent that keeps a socket': connecting(false, site),
  'a fetch that is over': connecting(false, site),
  'an accepted socket': accepting(true),
  'an accepted socket, unreferenced': accepting(false),
  'a listener, unreferenced': accepting(false),
});
