// Does what keep-open-server.mjs orders with the socket that came with the first order, and says when it has.
import { once } from 'node:events';

let socket = null;

const say = (answer) => process.send(answer);

let received = '';
const hear = async () => {
  while (received === '') await once(socket, 'data');
  say(received);
  received = '';
};

process.on('message', async (what, handle) => {
  if (what === 'back') {
    process.send('and back', handle);
    return;
  }
  if (handle !== undefined) {
    socket = handle;
    socket.on('error', () => {});
    socket.on('data', (part) => {
      received += part;
    });
  }
  if (what === 'names') say([socket.remoteAddress, socket.remotePort]);
  else if (what === 'hear') await hear();
  else if (what === 'destroy') {
    socket.destroy();
    await once(socket, 'close');
    say('destroyed');
  } else if (what === 'end of data') {
    if (!socket.readableEnded) await once(socket, 'end');
    say('ended');
  } else if (what.ask !== undefined) {
    socket.write(what.ask);
    await hear();
  } else if (what.fill !== undefined) {
    socket.write(Buffer.alloc(what.fill, 'c'), () => say('filled'));
  } else {
    socket.end(what.end, () => say('ended'));
  }
});
