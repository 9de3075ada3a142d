// Writes more than fits and exits: { port }. After 'exit' no code of a program runs, so none of its callbacks may.
import { writeSync } from 'node:fs';
import net from 'node:net';
import { pattern } from './lib/pattern.mjs';
import { parameters } from './lib/talk.mjs';

let over = false;
const heard = (what) => () => {
  if (over) writeSync(2, `${what} after 'exit'\n`);
};
process.on('exit', () => {
  over = true;
});
const socket = net.connect(parameters.port, '127.0.0.1', () => {
  socket.on('drain', heard('drain'));
  socket.write('silent read\n');
  for (let i = 0; i < 3; i++) socket.write(pattern(0, 1_000_000), heard('a write callback'));
  process.exit(0);
});
