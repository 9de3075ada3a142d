// Shares accepted connections with child processes in every way that Node has for it, one connection after another, in the
// order of WAYS. { plainChild }: the children start without what this process was started with. Client: keep-open-client.mjs.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import record from './lib/record.cjs';

const plainChild = record.parameters().plainChild === true;

const makeChild = () => {
  const plain = { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } };
  return fork(new URL('keep-open-child.mjs', import.meta.url), plainChild ? plain : {});
};

/** Sends an order to the child, which answers each. */
const order = async (child, what, ...handle) => {
  child.send(what, ...handle);
  const [answer] = await once(child, 'message');
  return answer;
};

const kept = { keepOpen: true };

const WAYS = {
  /** Both write; the child reads, then closes its own; then the parent reads. */
  async 'in turn'(socket, child) {
    const heard = [await order(child, { ask: 'child?' }, socket, kept)];
    socket.write('parent?');
    heard.push(await order(child, 'hear'), await order(child, 'destroy'));
    socket.write('alone?');
    socket.resume();
    heard.push(String((await once(socket, 'data'))[0]));
    socket.end('bye');
    return heard;
  },
  async 'the parent closes first'(socket, child) {
    const own = String([socket.remoteAddress, socket.remotePort]);
    const same = String(await order(child, 'names', socket, kept)) === own;
    socket.destroy();
    const heard = [await order(child, { ask: 'child?' }), await order(child, { end: 'bye' })];
    return plainChild ? heard : [same, ...heard];
  },
  /** A shutdown is one for all. */
  async 'the child ends'(socket, child) {
    const heard = [await order(child, { end: 'bye' }, socket, kept)];
    const failed = once(socket, 'error');
    socket.write('too late');
    heard.push((await failed)[0].code);
    return heard;
  },
  async 'sent on to another'(socket, child) {
    const heard = [await order(child, { ask: 'first?' }, socket, kept), await order(child, 'destroy')];
    const other = makeChild();
    heard.push(await order(other, { ask: 'second?' }, socket));
    heard.push(await order(other, { end: 'bye' }));
    other.disconnect();
    return heard;
  },
  /** Before the receiver's switch can have it. */
  async 'sent back at once'(socket, child) {
    child.send('back', socket);
    const [what, again] = await once(child, 'message');
    again.end('bye');
    again.resume();
    await once(again, 'close');
    return [what];
  },
  /** The bytes of the one come before those of the other, however many they are. */
  async 'large, in turn'(socket, child) {
    const heard = [await order(child, { fill: 3_000_000 }, socket, kept)];
    await new Promise((resolve) => socket.write(Buffer.alloc(3_000_000, 'p'), resolve));
    heard.push(await order(child, { fill: 100_000 }), await order(child, { end: 'bye' }));
    socket.destroy();
    return heard;
  },
  async 'a child’s stdio'(socket) {
    socket.write('cat?');
    const child = spawn('cat', { stdio: [socket, socket, 'inherit'] });
    socket.destroy();
    return [await once(child, 'exit')];
  },
  async 'sent after its end'(socket, child) {
    socket.end('bye');
    const heard = [await order(child, 'end of data', socket, kept)];
    socket.destroy();
    return heard;
  },
};

let next = 0;
const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, async (socket) => {
  const [name, way] = Object.entries(WAYS)[next++];
  const child = makeChild();
  record.fact(name, await way(socket, child));
  // A child that still has a connection ends with it.
  if (child.connected) child.disconnect();
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port, ways: Object.keys(WAYS) }));
record.onStop(() => server.close());
