// What a program can say of a listener: the options of listen, and the properties of the server.
import net from 'node:net';
import freePort from '../lib/free-port.cjs';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const closed = (socket) => record.until(socket, 'close');
const finish = async (socket, text = 'x') => {
  socket.end(text);
  await closed(socket);
};
const withoutPort = ({ localPort, remotePort, ...rest }) => [typeof localPort, typeof remotePort, rest];

/** A server that is already listening when the case gets it. */
const listening = async (server, ...args) => {
  server.listen(...args);
  await record.until(server, 'listening');
  return server;
};

/** Of the case of that name. */
const BACKLOG = 2;

/** Watches what it accepts, in order. */
const watching = (end) => net.createServer((socket) => end.watch(socket));

await runCases({
  'server.maxConnections': {
    serve(end) {
      const server = net.createServer((socket) => {
        end.watch(socket).write('welcome');
        server.getConnections((error, count) => end.note(error, count));
      });
      server.maxConnections = 2;
      server.on('drop', (names) => end.note('drop', withoutPort(names)));
      return server;
    },
    async connect(end) {
      const inside = [end.connect(), end.connect()];
      await Promise.all(inside.map((socket) => record.until(socket, 'data')));
      // One too many: it is connected, and closed at once.
      await closed(end.connect());
      await finish(inside[0]);
      const next = end.connect();
      await record.until(next, 'data');
      await finish(next);
      await finish(inside[1]);
    },
  },
  dropMaxConnection: {
    serve(end) {
      const server = net.createServer((socket) => end.watch(socket).write('welcome'));
      server.maxConnections = 1;
      server.dropMaxConnection = true;
      server.on('drop', (names) => end.note('drop', withoutPort(names)));
      return server;
    },
    async connect(end) {
      const inside = end.connect();
      await record.until(inside, 'data');
      await closed(end.connect());
      await finish(inside);
    },
  },
  'BlockList of a server': {
    serve(end) {
      const blockList = new net.BlockList();
      blockList.addAddress('127.0.0.7');
      // An option since Node 22; older ones take no notice of it.
      const server = net.createServer({ blockList }, (socket) => end.watch(socket).write('welcome'));
      server.on('drop', (names) => end.note('drop', withoutPort(names)));
      return server;
    },
    async connect(end) {
      for (const last of [6, 7, 8]) {
        const socket = end.connect({ localAddress: `127.0.0.${last}` });
        await Promise.race([record.until(socket, 'data'), record.until(socket, 'end')]);
        await finish(socket);
      }
    },
  },
  exclusive: {
    serve: (end) => listening(watching(end), { port: 0, host: end.host, exclusive: true }),
    async connect(end) {
      const second = net.createServer().listen({ port: end.port, host: end.host, exclusive: true });
      end.note(record.describeError(await record.until(second, 'error')));
      await finish(end.connect());
    },
  },
  reusePort: {
    // An option since Node 22; older ones take no notice of it.
    serve: (end) => listening(watching(end), { port: 0, host: end.host, reusePort: true }),
    async connect(end) {
      for (let i = 0; i < 3; i++) await finish(end.connect());
    },
  },
  ipv6Only: {
    // Nobody may have the port on 127.0.0.1, where it is to be refused.
    serve: async (end) => listening(watching(end), { port: await freePort('::'), host: '::', ipv6Only: true }),
    async connect(end) {
      await finish(end.connect({ host: '::1' }));
      await closed(end.connect({ host: '127.0.0.1' }, { names: false }));
    },
  },
  'both families': {
    serve: (end) => listening(watching(end), { port: 0, host: '::', ipv6Only: false }),
    async connect(end) {
      await finish(end.connect({ host: '::1' }));
      await finish(end.connect({ host: '127.0.0.1' }));
    },
  },
  backlog: {
    async serve(end) {
      const server = await listening(
        net.createServer((socket) => {
          socket.resume().on('end', () => end.note('served'));
        }),
        0,
        end.host,
        BACKLOG,
      );
      return server;
    },
    // At once: as many as the kernel's queue holds, which is one more than the switch's. With more the kernel drops
    // what opens a connection, and a minute may pass until it is sent once more.
    async connect(end) {
      for (let round = 0; round < 4; round++) {
        const sockets = Array.from({ length: BACKLOG + 1 }, () => net.connect(end.target));
        const endings = sockets.map(async (socket) => {
          socket.on('error', (error) => end.note(error.code));
          await finish(socket.resume());
          return socket.bytesWritten;
        });
        end.note(await Promise.all(endings));
      }
    },
  },
  'listen, all its forms': {
    async serve(end) {
      const { host } = end;
      const forms = [
        (server, done) => server.listen(done),
        (server, done) => server.listen(0, done),
        (server, done) => server.listen(0, host, done),
        (server, done) => server.listen('0', host, 10, done),
        (server, done) => server.listen(undefined, host, done),
        (server, done) => server.listen({ host, port: '0', backlog: 5 }, done),
        (server, done) => server.listen({ path: `\0sockets-direct-test-${process.pid}` }, done),
      ];
      for (const form of forms) {
        const server = net.createServer((socket) => socket.end());
        await new Promise((resolve) => end.note(form(server, resolve) === server));
        const address = server.address();
        end.note(typeof address, address.family, address.address, server.listening);
        if (typeof address === 'object') {
          const socket = net.connect(address.port, host).resume();
          await closed(socket);
        }
        server.close();
        await closed(server);
        end.note(typeof address === 'object' ? server.address() : 'path', server.listening);
      }
      for (const wrong of [[{}], [{ port: -1 }], [70_000], ['no', 'way'], [{ port: 0, host: 1 }], [null, 'x']]) {
        end.attempt(JSON.stringify(wrong), () =>
          net
            .createServer()
            .on('error', () => {})
            .listen(...wrong)
            .close(),
        );
      }
      return watching(end);
    },
    async connect(end) {
      await finish(end.connect());
    },
  },
  'listen with a signal': {
    async serve(end) {
      const controller = new AbortController();
      const server = net.createServer((socket) => {
        // It closes the listener, and leaves the connection.
        end.watch(socket).on('data', () => {
          controller.abort();
          end.note(server.listening);
          socket.write('still here');
        });
      });
      server.on('close', () => end.note('closed'));
      return listening(server, { port: await freePort(end.host), host: end.host, signal: controller.signal });
    },
    async connect(end) {
      const socket = end.connect();
      socket.write('stop');
      await record.until(socket, 'data');
      await finish(socket);
      await closed(end.connect({}, { names: false }));
    },
  },
  'close with connections': {
    async serve(end) {
      const server = net.createServer((socket) => {
        end.watch(socket).on('data', () => {
          server.close((error) => end.note('close callback', error?.code));
          server.close((error) => end.note('second close callback', error?.code));
          end.note(server.listening);
          server.getConnections((error, count) => {
            end.note(error, count);
            socket.end('bye');
          });
        });
      });
      server.on('close', () => end.note('closed', server.address()));
      return listening(server, { port: await freePort(end.host), host: end.host });
    },
    async connect(end) {
      const socket = end.connect();
      socket.write('stop');
      await closed(socket);
      await closed(end.connect({}, { names: false }));
    },
  },
  'a listening handle of another server': {
    // Known by the switch as a listener that two servers of one thread have.
    async serve(end) {
      const first = await listening(net.createServer(), { port: 0, host: end.host });
      const server = watching(end);
      server.on('close', () => first.close());
      return listening(server, first);
    },
    async connect(end) {
      await finish(end.connect());
    },
  },
});
