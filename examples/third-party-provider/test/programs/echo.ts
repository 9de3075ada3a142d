// An unmodified pair of programs: a server that echoes, and a client that sends and compares. They know of no switch; how
// their connections went they say for the test.
import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { routeOf } from 'sockets-direct';

const BYTES = 5_000_000;

function serve(): void {
  const server = createServer((socket) => {
    socket.pipe(socket);
    socket.on('close', () => {
      server.close();
      process.disconnect();
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

async function ask(): Promise<void> {
  const child = fork(process.argv[1] ?? '', ['server'], { execArgv: process.execArgv });
  const [port] = (await once(child, 'message')) as [number];
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const route = routeOf(socket);
  const data = randomBytes(BYTES);
  socket.end(data);
  const hash = createHash('sha256');
  for await (const chunk of socket) hash.update(chunk as Buffer);
  const same = hash.digest('hex') === createHash('sha256').update(data).digest('hex');
  console.log(JSON.stringify({ route, same }));
}

if (process.argv[2] === 'server') serve();
else await ask();
