// The ways a connection can end, as the client's side sees them. All cases at once; the process ends by itself.
import net from 'node:net';
import record from './lib/record.cjs';

const { ports } = record.parameters();
const MEGABYTE = 1048576;

const connect = (name, options = {}, watching = {}) =>
  record.watch(name, net.connect({ port: ports[name], host: '127.0.0.1', ...options }), watching);
const afterConnect = (socket, then) => socket.once('connect', then);

const clientEnds = connect('clientEnds');
clientEnds.end('hello');

connect('serverEnds');

connect('endWithoutData').end();

const halfOpenServer = connect('halfOpenServer');
halfOpenServer.end('question');

const halfOpenClient = connect('halfOpenClient', { allowHalfOpen: true });
halfOpenClient.on('end', () => setTimeout(() => halfOpenClient.end(record.bytes('late', MEGABYTE)), 20));

connect('serverDestroys').write('hello');
connect('serverDestroysWithError').write('hello');
// The server destroys it when it hears, on a connection of its own, that the bytes are there.
connect('serverDestroysUnread').write(record.bytes('unread', 65536), () => connect('unreadIsThere'));
connect('serverResets').write('hello');

const clientResets = connect('clientResets');
clientResets.once('data', () => clientResets.resetAndDestroy());

const clientDestroys = connect('clientDestroys');
clientDestroys.once('data', () => clientDestroys.destroy());

const clientDestroysUnread = connect('clientDestroysUnread', {}, { read: false, bytes: false });
// (It reads what its buffer takes, and no more.)
clientDestroysUnread.once('readable', () => setTimeout(() => clientDestroysUnread.destroy(), 100));

const pending = record.bytes('pending', 4 * MEGABYTE);
record.fact('endWithPending', record.sha256(pending));
connect('endWithPending').end(pending);

const destroySoon = connect('destroySoon');
afterConnect(destroySoon, () => {
  destroySoon.write(record.bytes('soon', MEGABYTE));
  destroySoon.destroySoon();
});

const writeAfterPeerGone = connect('writeAfterPeerGone', { allowHalfOpen: true });
writeAfterPeerGone.write('hello');
writeAfterPeerGone.on('end', () => {
  const write = (data) =>
    writeAfterPeerGone.write(data, (error) =>
      record.note('writeAfterPeerGone', `${data} ${error ? record.describeError(error) : 'written'}`),
    );
  write('first');
  // A kernel answers that by itself; here the peer's process does, before it answers what comes later.
  afterConnect(connect('firstIsAnswered'), () => write('second'));
});

const writeAfterEnd = connect('writeAfterEnd');
afterConnect(writeAfterEnd, () => {
  writeAfterEnd.end('last');
  writeAfterEnd.write('too late', (error) => record.note('writeAfterEnd', `callback ${record.describeError(error)}`));
});

const destroyInConnect = connect('destroyInConnect');
afterConnect(destroyInConnect, () => destroyInConnect.destroy());

// Destroyed before the connection is there: no 'connect', no error.
const early = record.watch('early', net.connect({ port: ports.clientEnds, host: '127.0.0.1' }));
early.destroy();
