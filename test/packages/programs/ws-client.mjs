// The client of ws-server.mjs.
import { WebSocket } from 'ws';
import record from '../../programs/lib/record.cjs';

const { port } = record.parameters();

const talk = async (name, options) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${name}`, options);
  const events = [];
  record.fact(`${name} events`, events);
  socket.on('open', () => events.push('open'));
  socket.on('pong', (data) => events.push(`pong ${data}`));
  socket.on('close', (code, reason) => events.push(`close ${code} ${reason}`));
  await record.until(socket, 'open');
  record.fact(`${name} extensions`, socket.extensions);
  /** Sends and resolves with what came back. */
  const echo = (data) =>
    new Promise((resolve) => {
      socket.once('message', (answer, binary) => resolve([binary, record.sha256(answer)]));
      socket.send(data);
    });
  for (const size of [0, 1, 125, 126, 65535, 65536, 1048576, 5000000]) {
    const data = record.bytes(size, size);
    const [binary, hash] = await echo(data);
    record.fact(`${name} ${size}`, binary && hash === record.sha256(data));
  }
  const text = 'text \u20ac '.repeat(2000);
  record.fact(`${name} text`, (await echo(text)).join() === ['false', record.sha256(text)].join());
  // Many at once; the order must stay.
  const received = [];
  const done = new Promise((resolve) => {
    socket.on('message', (answer) => received.push(answer.toString()) === 500 && resolve());
  });
  for (let i = 0; i < 500; i++) {
    socket.send(`message ${i}`);
  }
  await done;
  record.fact(
    `${name} in order`,
    received.every((message, i) => message === `message ${i}`),
  );
  socket.ping('are you there');
  await record.until(socket, 'pong');
  socket.close(4001, 'enough');
  await record.until(socket, 'close');
};

await talk('plain', { perMessageDeflate: false });
await talk('deflate', {});
const broken = new WebSocket(`ws://127.0.0.1:${port}/terminated`, { perMessageDeflate: false });
await record.until(broken, 'open');
broken.terminate();
await record.until(broken, 'close');
