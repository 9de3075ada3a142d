/** WebSocket, by the package ws on both sides, without compression: an echo, and small messages in one direction. */
import nodeHttp from 'node:http';
import { Arrivals } from './arrivals.mjs';
import { ignoreReset, listen } from './common.mjs';
import { fromPackages } from './packages.mjs';
import { requests } from './requests.mjs';

const SIZE = 64;
/** Messages that are handed to ws before the sender waits: it has no back-pressure of its own, but counts what is buffered. */
const BUFFERED = 64 * 1024;
const BURST = 1024;

/** @param {(socket: any, raw: import('node:net').Socket) => void} accept */
function serve(context, accept) {
  const server = nodeHttp.createServer();
  const sockets = new (fromPackages('ws').WebSocketServer)({ server, perMessageDeflate: false });
  sockets.on('connection', (socket, request) => {
    socket.on('error', ignoreReset);
    accept(socket, request.socket);
  });
  listen(context, server);
}

async function connect({ target }) {
  const { WebSocket } = fromPackages('ws');
  const url = target.path === undefined ? `ws://${target.host}:${target.port}/` : `ws+unix:${target.path}:/`;
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const raw = new Promise((resolve) => socket.once('upgrade', (response) => resolve(response.socket)));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return { socket, raw: await raw };
}

export function wsEcho() {
  return requests({
    name: 'ws-1',
    title: `WebSocket (ws), ${SIZE} B echoed, 1 connection`,
    unit: 'round trips/s',
    atOnce: 1,

    server(context) {
      serve(context, (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
    },

    async open(context) {
      const { socket, raw } = await connect(context);
      const message = Buffer.alloc(SIZE, 0x61);
      let answered = null;
      socket.on('message', (data) => answered(data));
      const ask = async () => {
        message[0] = (message[0] + 1) & 0xff;
        const data = await new Promise((resolve) => {
          answered = resolve;
          socket.send(message);
        });
        if (data.length !== SIZE || data[0] !== message[0]) throw new Error('the echo is not what was sent');
      };
      return { ask, sockets: [raw] };
    },
  });
}

/** @returns {import('./index.mjs').Scenario} */
export function wsStream() {
  return {
    id: 'ws-stream',
    rows: [
      {
        name: 'ws-stream',
        title: `WebSocket (ws), ${SIZE} B messages streamed`,
        unit: 'messages/s',
        better: 'higher',
        value: (run) => run.messagesPerSecond,
      },
    ],
    timekeeper: 'server',
    params: {
      full: { warmMs: 500, ms: 2000 },
      quick: { warmMs: 250, ms: 700 },
      smoke: { warmMs: 40, ms: 60 },
    },
    operationsPerMs: (result) => result.messagesPerSecond / 1000,

    server(context) {
      const arrivals = new Arrivals(context, SIZE);
      let ended = null;
      const over = new Promise((resolve) => {
        ended = resolve;
      });
      context.on('stop', async () => {
        await over;
        return { total: arrivals.bytes };
      });
      serve(context, (socket, raw) => {
        context.prove(raw);
        socket.on('message', (data) => arrivals.add(data.length));
        socket.on('close', ended);
      });
    },

    async client(context) {
      const { socket, raw } = await connect(context);
      context.prove(raw);
      const message = Buffer.alloc(SIZE, 0x62);
      let sent = 0;
      let stopped = false;
      function pump() {
        if (stopped) return;
        let n = 0;
        while (n++ < BURST && socket.bufferedAmount < BUFFERED) {
          sent++;
          socket.send(message);
        }
        if (raw.writableNeedDrain) raw.once('drain', pump);
        else setImmediate(pump);
      }
      context.on('stop', async () => {
        stopped = true;
        socket.close();
        await new Promise((resolve) => socket.once('close', resolve));
        return { total: sent * SIZE };
      });
      pump();
    },

    verify({ server, client }) {
      if (server.total !== client.total) throw new Error(`${client.total} B were sent, ${server.total} B arrived`);
    },
  };
}
