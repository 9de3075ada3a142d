// What HTTP makes of sockets: agents of the program's own, createConnection in all places that take it, upgrade, CONNECT,
// and the undici inside Node.
import http from 'node:http';
import net from 'node:net';
import { Duplex } from 'node:stream';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

/** Answers each request with its path and body and, unless that is for chance, how many connections there were. */
const site = (end, counted = true) => {
  let connections = 0;
  const server = http.createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    response.sendDate = false;
    response.end(`${request.method} ${request.url} ${record.sha256(body).slice(0, 8)} ${counted ? connections : ''}`);
  });
  server.on('connection', () => {
    connections++;
    if (counted) end.note('connection');
  });
  return server;
};

/** One request; its answer's status and body. */
const ask = (options, body = '') =>
  new Promise((resolve, reject) => {
    const request = http.request(options, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      resolve([response.statusCode, text, request.reusedSocket]);
    });
    request.on('error', reject).end(body);
  });

const twice = async (end, options) => {
  end.note(await ask({ ...end.target, path: '/one', ...options }));
  end.note(await ask({ ...end.target, path: '/two', method: 'POST', ...options }, record.bytes('two', 70_000)));
};

/** Pipes two sockets into each other until both have ended. */
const join = (one, other) => {
  one.on('error', () => other.destroy()).pipe(other);
  other.on('error', () => one.destroy()).pipe(one);
};

await runCases({
  'an http.Agent subclass': {
    serve: site,
    async connect(end) {
      class Counting extends http.Agent {
        made = 0;
        createConnection(options, callback) {
          this.made++;
          end.note('createConnection', options.host, typeof options.port, typeof callback);
          return super.createConnection(options, callback);
        }
      }
      const agent = new Counting({ keepAlive: true, maxSockets: 1, scheduling: 'fifo', timeout: 60_000 });
      await twice(end, { agent });
      end.note(agent.made, Object.values(agent.freeSockets).flat().length);
      agent.destroy();
    },
  },
  'an http.Agent subclass that answers later': {
    serve: site,
    async connect(end) {
      class Late extends http.Agent {
        createConnection({ host, port }, callback) {
          const socket = new net.Socket();
          setImmediate(() => {
            socket.connect({ host, port }, () => callback(null, socket));
            socket.on('error', callback);
          });
        }
      }
      const agent = new Late({ keepAlive: true });
      await twice(end, { agent });
      agent.destroy();
    },
  },
  'an http.Agent subclass with addRequest and keepSocketAlive': {
    serve: site,
    async connect(end) {
      class Own extends http.Agent {
        addRequest(request, options, ...rest) {
          request.setHeader('x-own', 'yes');
          return super.addRequest(request, { ...options, noDelay: true }, ...rest);
        }
        keepSocketAlive(socket) {
          end.note('keep', socket instanceof net.Socket);
          return super.keepSocketAlive(socket);
        }
        reuseSocket(socket, request) {
          end.note('reuse');
          super.reuseSocket(socket, request);
        }
      }
      const agent = new Own({ keepAlive: true, keepAliveMsecs: 500 });
      await twice(end, { agent });
      agent.destroy();
    },
  },
  'http.request with createConnection': {
    serve: site,
    async connect(end) {
      const options = { ...end.target, headers: { connection: 'close' } };
      end.note(await ask({ ...options, createConnection: (given) => net.connect(given) }));
      end.note(await ask({ ...options, createConnection: net.createConnection }));
      const later = (given, callback) => {
        const socket = net.connect(given).once('connect', () => callback(null, socket));
      };
      end.note(await ask({ ...options, createConnection: later }));
      // A stream over the socket, which is no socket.
      const stream = (given) => {
        const socket = net.connect(given);
        return Duplex.from({ readable: socket, writable: socket });
      };
      end.note(await ask({ ...options, createConnection: stream }));
      end.note(await ask({ ...options, agent: false, localAddress: '127.0.0.5', family: 4 }));
    },
  },
  'HTTP upgrade': {
    serve(end) {
      const server = site(end);
      server.on('upgrade', (request, socket, head) => {
        end.note(request.headers.upgrade, String(head), socket instanceof net.Socket, request.socket === socket);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ');
        socket.pipe(socket);
      });
      return server;
    },
    async connect(end) {
      const request = http.request({ ...end.target, headers: { connection: 'Upgrade', upgrade: 'echo' } });
      request.end();
      const [socket, head] = await new Promise((resolve) => {
        request.on('upgrade', (_response, ...rest) => resolve(rest));
      });
      socket.unshift(head);
      const data = record.bytes('upgraded', 300_000);
      socket.end(data);
      const back = Buffer.concat(await socket.toArray());
      end.note(String(back.subarray(0, 6)), record.sha256(back.subarray(6)) === record.sha256(data));
      // Without a listener for it the connection is taken away.
      const server = http.request({ ...end.target, headers: { connection: 'Upgrade', upgrade: 'echo' } });
      server.on('error', ({ code }) => end.note(code)).end();
      await record.until(server, 'close');
      end.note(server.destroyed);
    },
  },
  'HTTP CONNECT': {
    // A proxy, and behind it the listener of another case.
    serve(end) {
      const server = http.createServer();
      server.on('connect', (request, socket, head) => {
        end.note(request.method, String(head));
        const [host, port] = request.url.split(':');
        const onward = net.connect(Number(port), host, () => {
          socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
          onward.write(head);
          join(socket, onward);
        });
        onward.on('error', ({ code }) => socket.end(`HTTP/1.1 502 ${code}\r\n\r\n`));
      });
      return server;
    },
    async connect(end, portOf) {
      const through = (port) =>
        new Promise((resolve, reject) => {
          const request = http.request({ ...end.target, method: 'CONNECT', path: `${end.host}:${port}` });
          request.on('connect', (response, socket, head) => resolve([response.statusCode, socket, head.length]));
          request.on('error', reject).end();
        });
      const [status, socket, length] = await through(portOf('behind a proxy'));
      end.note(status, length, socket instanceof net.Socket);
      // The tunnel carries a request of its own.
      const tunnelled = await ask({
        path: '/tunnel',
        createConnection: () => socket,
        headers: { connection: 'close' },
      });
      end.note(tunnelled);
      const [failed, refused] = await through(1);
      end.note(failed);
      refused.destroy();
    },
  },
  'behind a proxy': {
    serve: (end) => site(end, false),
    async connect(end) {
      end.note(await ask({ ...end.target, agent: false }));
    },
  },
  'the undici inside Node': {
    serve: (end) => site(end, false),
    async connect(end) {
      const url = `http://${end.host}:${end.port}`;
      for (const path of ['/a', '/b', '/c']) {
        const response = await fetch(url + path, { method: 'POST', body: record.bytes(path, 100_000) });
        end.note(response.status, await response.text());
      }
      const controller = new AbortController();
      const aborted = fetch(`${url}/never`, { signal: controller.signal }).catch(({ name }) => name);
      controller.abort();
      end.note(await aborted);
      const own = await fetch(`http://localhost:${end.port}/name`, { keepalive: true, cache: 'no-store' });
      end.note(own.url.replace(/\d{4,}/, 'PORT'), await own.text());
    },
  },
});
