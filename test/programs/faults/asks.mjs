// A program that asks how its connection travels: { port, index: where the package's API is }.
import net from 'node:net';
import { parameters, say } from './lib/talk.mjs';

const { routeOf, status, stats } = await import(parameters.index);
const socket = net.connect(parameters.port, '127.0.0.1', () => socket.write('hello'));
socket.once('data', (chunk) => {
  say('asked', { echo: chunk.toString(), route: routeOf(socket), status: status(), stats: stats() });
});
process.once('SIGTERM', () => {
  socket.destroy();
  process.stdin.destroy();
});
