// An HTTP/1.1 server with what the protocol has to offer: keep-alive, chunked bodies, big bodies both ways, pipelining,
// 100-continue, upgrade, trailers, early close; given { tls: folder }, over TLS. The clients: http-client.mjs,
// fetch-client.mjs.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import record from './lib/record.cjs';

const { tls: folder } = record.parameters();
const big = record.bytes('big', 8 * 1048576);
let requests = 0;

const answerWithHash = (request, response) => {
  const hash = createHash('sha256');
  let length = 0;
  request.on('data', (chunk) => {
    length += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ length, sha256: hash.digest('hex'), trailers: request.trailers }));
  });
};

const routes = {
  '/json': (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"hello":"world"}');
  },
  '/chunked': (_request, response) => {
    let left = 20;
    response.setHeader('trailer', 'x-count');
    const next = () => {
      response.write(`chunk ${left}\n`);
      if (--left > 0) {
        setImmediate(next);
      } else {
        response.addTrailers({ 'x-count': '20' });
        response.end();
      }
    };
    next();
  },
  '/big': (_request, response) => response.writeHead(200, { 'content-length': big.length }).end(big),
  '/upload': answerWithHash,
  '/close': (_request, response) => response.writeHead(200, { connection: 'close' }).end('closing'),
  '/addresses': (request, response) => response.end(JSON.stringify(record.addresses(request.socket))),
  '/destroyed': (request, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('only this', () => request.socket.destroy());
  },
  '/aborted': (request, response) => {
    response.write('first part');
    response.on('close', () => record.fact('aborted', [request.destroyed, response.writableFinished]));
  },
};

const answer = (request, response) => {
  requests++;
  // Answers are compared with those of other runs.
  response.sendDate = false;
  const { pathname } = new URL(request.url, 'http://server');
  routes[pathname]?.(request, response) ?? (pathname in routes || response.writeHead(404).end(`no ${pathname}`));
};
const server =
  folder === undefined
    ? http.createServer(answer)
    : https.createServer({ key: readFileSync(`${folder}/key.pem`), cert: readFileSync(`${folder}/cert.pem`) }, answer);
server.on('connection', (socket) => {
  record.watchGroup('accepted', socket, { read: false });
});
server.on('checkContinue', (request, response) => {
  response.writeContinue();
  server.emit('request', request, response);
});
server.on('upgrade', (_request, socket, head) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  socket.write(head);
  socket.on('data', (data) => socket.write(data));
  socket.on('end', () => socket.end());
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
if (process.send !== undefined) {
  // A child that gets its connections from its parent: http-handover-server.mjs.
  process.on('message', (_message, socket) => {
    server.emit('connection', socket);
    socket.resume();
  });
  process.once('SIGTERM', () => process.disconnect());
  process.send('here');
}
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(async () => {
  await record.allClosed();
  server.close(() => record.fact('requests', requests));
  server.closeAllConnections();
});
