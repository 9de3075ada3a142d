// Directs listener-server.mjs and records what its connections see.
import net from 'node:net';
import record from './lib/record.cjs';

const { port, again } = record.parameters();
const connect = (label) => record.watch(label, net.connect({ port, host: '127.0.0.1' }));
const control = connect('control');
control.setEncoding('latin1');
let text = '';
let wake = () => {};
control.on('data', (part) => {
  text += part;
  wake();
});
const ask = async (line) => {
  control.write(`${line}\n`);
  while (!text.includes('\n')) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  const [answer, ...rest] = text.split('\n');
  text = rest.join('\n');
  return answer;
};

record.fact('alone', await ask('count'));
const others = ['second', 'third', 'fourth'].map(connect);
await Promise.all(others.map((socket) => record.until(socket, 'data')));
record.fact('four', await ask('count'));
record.fact('limit', await ask('max 4'));
// One too many: accepted and closed at once.
const dropped = connect('dropped');
await record.until(dropped, 'close');
record.fact('still four', await ask('count'));
record.fact('higher limit', await ask('max 5'));
const fifth = connect('fifth');
await record.until(fifth, 'data');
record.fact('close', await ask('close'));
const late = connect('late');
await record.until(late, 'close');
record.fact('say', await ask('say'));
record.fact('five', await ask('count'));
const closed = Promise.all([control, fifth, ...others].map((socket) => record.until(socket, 'close')));
control.write('end\n');
await closed;

// The server listens again, a moment later, and says so where nobody's route is asked for.
for (;;) {
  const socket = net.connect(again);
  const error = await Promise.race([record.until(socket, 'connect'), record.until(socket, 'error')]);
  socket.destroy();
  if (error === undefined) break;
  await record.delay(20);
}
const last = record.watch('again', net.connect({ port, host: '127.0.0.1' }), { skip: ['finish'] });
last.end('count\n');
await record.until(last, 'close');
