// Connects, sends one byte, gets it back and closes, over and over, a few at a time: { port }. "run N" ends with "ran".
import net from 'node:net';
import { obey, parameters, say } from './lib/talk.mjs';

const AT_A_TIME = 8;
const alive = setInterval(() => {}, 1000);

const once = () =>
  new Promise((resolve) => {
    const socket = net.connect(parameters.port, '127.0.0.1');
    let echoed = false;
    socket.on('data', () => {
      echoed = true;
      socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(echoed));
    socket.write('x');
  });

obey({
  async run(count) {
    let left = Number(count);
    let failed = 0;
    const worker = async () => {
      while (left-- > 0) if (!(await once())) failed++;
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    // What is closed is gone two turns later.
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc?.();
    say('ran', { count: Number(count), failed, heap: process.memoryUsage().heapUsed });
  },
  quit() {
    clearInterval(alive);
    process.stdin.destroy();
  },
});
say('ready');
