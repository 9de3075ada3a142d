// Runs source.mjs in a worker thread, terminates it when told, and lives on.
import { Worker } from 'node:worker_threads';
import { obey, parameters, say } from './lib/talk.mjs';

let worker = null;
const alive = setInterval(() => {}, 1000);
process.once('SIGTERM', () => {
  clearInterval(alive);
  process.stdin.destroy();
});

obey({
  start(name, mode, chunk, progress) {
    const child = { port: parameters.port, name, mode, chunk: Number(chunk), progress };
    worker = new Worker(new URL('./source.mjs', import.meta.url), { argv: [JSON.stringify(child)] });
    worker.on('message', ({ word, message }) => say(word, message));
  },
  async terminate() {
    await worker.terminate();
    say('terminated');
  },
});
say('ready');
