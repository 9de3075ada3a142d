// Has nothing to do with its first connection for longer than a link may take to be set up, and then everything is there.
import net from 'node:net';
import record from './lib/record.cjs';

const { port, busy } = record.parameters();
const socket = record.watch('busy', net.connect({ port, host: '127.0.0.1' }));
// Within the same turn of the event loop, after the connect has begun.
process.nextTick(() => process.nextTick(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busy)));
socket.end('hello');
await record.until(socket, 'close');
