// Two connections to sink.mjs: on one a large write is stuck and unread data wait when it is destroyed ("begin",
// "destroy"); the other must not notice ("finish").
import net from 'node:net';
import { pattern } from './lib/pattern.mjs';
import { obey, parameters, say, until } from './lib/talk.mjs';

const open = async (line) => {
  const socket = net.connect({ port: parameters.port, host: '127.0.0.1' });
  await until(socket, 'connect');
  socket.on('error', (error) => say('failed', { line, code: error.code }));
  socket.write(`${line}\n`);
  return socket;
};

const bystander = await open('bystander read');
const leaver = await open('leaver flood');
bystander.resume();
say('ready');
obey({
  begin: () => leaver.write(pattern(0, 2_000_000)),
  destroy: () => leaver.destroy(),
  finish: () => {
    bystander.end(pattern(0, 1000));
    process.stdin.destroy();
  },
});
