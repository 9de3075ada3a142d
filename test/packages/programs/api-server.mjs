// A plain API on node:http for clients and proxies: echoes, downloads, redirects, streams, gzip, slow and broken answers.
// The client is in lib/http-sequence.mjs.
import { once } from 'node:events';
import http from 'node:http';
import { gzipSync } from 'node:zlib';
import record from '../../programs/lib/record.cjs';

const answers = {
  '/json': (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{"hello":"world"}');
  },
  '/echo': async (request, response) => {
    response.setHeader('content-type', 'application/octet-stream');
    response.setHeader('x-method', request.method);
    for await (const chunk of request) {
      if (!response.write(chunk)) await once(response, 'drain');
    }
    response.end();
  },
  '/download': (_request, response) => {
    response.setHeader('content-type', 'application/octet-stream');
    response.end(record.bytes('download', 6000000));
  },
  '/chunks': async (_request, response) => {
    for (let i = 0; i < 200; i++) {
      response.write(record.bytes(i, 1 + i * 97));
      if (i % 20 === 0) await record.delay(1);
    }
    response.end();
  },
  '/gzip': (_request, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync('a text that is worth packing '.repeat(5000)));
  },
  '/redirect': (_request, response) => {
    response.writeHead(302, { location: '/json' });
    response.end();
  },
  '/missing': (_request, response) => {
    response.statusCode = 404;
    response.end('nothing here');
  },
  // Headers, some bytes, then the connection is gone.
  '/torn': (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('only these');
    setTimeout(() => response.socket?.destroy(), 20);
  },
  // Answers when the client has given up.
  '/never': (request) => {
    request.socket.on('error', () => {});
  },
};

const server = http.createServer((request, response) => {
  const answer = answers[request.url.split('?')[0]] ?? answers['/missing'];
  answer(request, response);
});
server.listen(0, '127.0.0.1', () => record.ready({ port: server.address().port }));
// As long as the test takes: the server is not to be the one who ends an idle connection.
server.keepAliveTimeout = 0;
record.onStop(() => {
  server.close();
  server.closeIdleConnections();
});
