// The ways a connection can end, as the server's side sees them. The client's side: net-close-client.mjs.
import record from './lib/record.cjs';
import { serveCases } from './lib/ports.mjs';

const MEGABYTE = 1048576;
let unread;

await serveCases({
  clientEnds: [
    {},
    (socket) => {
      record.watch('clientEnds', socket);
    },
  ],
  serverEnds: [
    {},
    (socket) => {
      record.watch('serverEnds', socket);
      socket.end('and good bye');
    },
  ],
  endWithoutData: [
    {},
    (socket) => {
      record.watch('endWithoutData', socket);
    },
  ],
  // The client has said all; the answer follows on the open half.
  halfOpenServer: [
    { allowHalfOpen: true },
    (socket) => {
      record.watch('halfOpenServer', socket);
      socket.on('end', () => setTimeout(() => socket.end(record.bytes('answer', MEGABYTE)), 20));
    },
  ],
  // The server has said all; the client goes on.
  halfOpenClient: [
    {},
    (socket) => {
      record.watch('halfOpenClient', socket);
      socket.end('greeting');
    },
  ],
  serverDestroys: [
    {},
    (socket) => {
      record.watch('serverDestroys', socket);
      socket.once('data', () => socket.destroy());
    },
  ],
  serverDestroysWithError: [
    {},
    (socket) => {
      record.watch('serverDestroysWithError', socket);
      socket.once('data', () => socket.destroy(Object.assign(new Error('mine'), { code: 'EMINE' })));
    },
  ],
  // Data nobody read: the other side must be told by a reset, not by an orderly end.
  serverDestroysUnread: [
    { pauseOnConnect: true },
    (socket) => {
      record.watch('serverDestroysUnread', socket, { read: false });
      unread = socket;
    },
  ],
  unreadIsThere: [
    {},
    (socket) => {
      record.watch('unreadIsThere', socket);
      unread.destroy();
      socket.end();
    },
  ],
  serverResets: [
    {},
    (socket) => {
      record.watch('serverResets', socket);
      socket.once('data', () => socket.resetAndDestroy());
    },
  ],
  clientResets: [
    {},
    (socket) => {
      record.watch('clientResets', socket);
      socket.write('now');
    },
  ],
  clientDestroys: [
    {},
    (socket) => {
      record.watch('clientDestroys', socket);
      socket.write('now');
    },
  ],
  clientDestroysUnread: [
    {},
    (socket) => {
      record.watch('clientDestroysUnread', socket);
      socket.write(record.bytes('unread', 2 * MEGABYTE));
    },
  ],
  // The client calls end() with megabytes still to go; the server begins to read late.
  endWithPending: [
    { pauseOnConnect: true, allowHalfOpen: true },
    (socket) => {
      record.watch('endWithPending', socket, { read: false });
      setTimeout(() => {
        const chunks = [];
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('end', () => {
          record.fact('endWithPending', record.sha256(Buffer.concat(chunks)));
          socket.end('all of it');
        });
        socket.resume();
      }, 60);
    },
  ],
  destroySoon: [
    {},
    (socket) => {
      record.watch('destroySoon', socket);
    },
  ],
  // The peer is gone: one write is swallowed, the next one fails.
  writeAfterPeerGone: [
    {},
    (socket) => {
      record.watch('writeAfterPeerGone', socket);
      socket.once('data', () => socket.destroy());
    },
  ],
  firstIsAnswered: [
    {},
    (socket) => {
      record.watch('firstIsAnswered', socket);
      socket.end();
    },
  ],
  writeAfterEnd: [
    {},
    (socket) => {
      record.watch('writeAfterEnd', socket);
    },
  ],
  destroyInConnect: [
    {},
    (socket) => {
      record.watch('destroyInConnect', socket);
    },
  ],
});
