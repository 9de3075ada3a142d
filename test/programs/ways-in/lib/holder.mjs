// A thread that does one thing with a socket and then has nothing more to do: is that socket what keeps it? Its last message
// is what it has heard by then.
import http from 'node:http';
import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { what, port, host } = workerData;
const heard = [];
const hear = (socket) => {
  for (const event of ['connect', 'end', 'error', 'timeout', 'close']) {
    socket.on(event, (error) => heard.push(error?.code ?? event));
  }
  return socket.on('data', () => {});
};
const connected = (then) => {
  const socket = hear(net.connect({ port, host }));
  socket.once('connect', () => {
    then(socket);
    parentPort.postMessage('ready');
  });
  return socket;
};
/** A listener that closes when it has its first connection, which `then` gets. */
const accepted = (then) => {
  const server = net.createServer((socket) => {
    hear(socket).write('hello');
    server.close();
    then(socket);
  });
  server.listen(0, host, () => parentPort.postMessage({ port: server.address().port }));
};

const acts = {
  'an unreferenced socket': () => connected((socket) => socket.unref()),
  'a referenced socket': () => connected(() => {}),
  'a socket, unreferenced and referenced again': () => connected((socket) => socket.unref().ref()),
  'a socket, unreferenced before it is connected': () => connected(() => {}).unref(),
  'an unreferenced socket with a timeout': () => connected((socket) => socket.setTimeout(20_000).unref()),
  'an unreferenced socket with a write under way': () =>
    connected((socket) =>
      socket.unref().write(Buffer.alloc(20_000_000), (error) => heard.push(error?.code ?? 'written')),
    ),
  'an agent that keeps a socket': () => {
    const agent = new http.Agent({ keepAlive: true });
    http.get({ port, host, agent }, (response) => {
      response.resume().on('end', () => parentPort.postMessage('ready'));
      heard.push(response.statusCode);
    });
  },
  'a fetch that is over': async () => {
    heard.push(await (await fetch(`http://${host}:${port}`)).text());
    parentPort.postMessage('ready');
  },
  'an accepted socket': () => accepted(() => {}),
  'an accepted socket, unreferenced': () => accepted((socket) => socket.unref()),
  'a listener, unreferenced': () => {
    const server = net.createServer((socket) => {
      hear(socket).unref().write('hello');
      server.unref();
    });
    server.listen(0, host, () => parentPort.postMessage({ port: server.address().port }));
  },
};

process.once('exit', () => parentPort.postMessage(heard));
acts[what]();
