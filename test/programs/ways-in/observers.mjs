// What a program can see of its sockets from the side: async contexts, performance entries, lists of handles, inspection,
// diagnostics channels. One case after another, for these look at the whole process.
import async_hooks, { AsyncLocalStorage, executionAsyncId, executionAsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import http from 'node:http';
import net from 'node:net';
import { performance, PerformanceObserver } from 'node:perf_hooks';
import { inspect } from 'node:util';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const storage = new AsyncLocalStorage();
const closed = (socket) => record.until(socket, 'close');

/** Text without what no two runs share. */
const normal = (text) =>
  text
    .replace(/(\[?Symbol\((?:async_id|trigger_async_id)_symbol\)\]?|_idleStart|_idleTimeout|fd): -?\d+/g, '$1: N')
    .replace(/\b\d{4,6}\b/g, 'PORT');

/** Notes in which store each event of a socket is heard. */
const storesOf = (socket, seen, who) => {
  for (const event of ['lookup', 'connect', 'ready', 'end', 'finish', 'drain', 'timeout', 'close', 'error']) {
    socket.on(event, () => seen.push(`${who} ${event} ${storage.getStore()}`));
  }
  socket.once('data', () => seen.push(`${who} data ${storage.getStore()}`));
  return socket;
};

/** The types of the active handles' owners, and of the resources. */
const active = () => [
  process
    ._getActiveHandles()
    .map((handle) => `${handle.constructor.name} ${handle.readyState ?? handle.listening ?? ''}`)
    .filter((name) => /^(Socket|Server) (?!.*readOnly|writeOnly)/.test(name))
    .sort(),
  process.getActiveResourcesInfo().filter((name) => /TCP/.test(name)).length,
  process._getActiveRequests().map((request) => request.constructor.name),
];

await runCases(
  {
    AsyncLocalStorage: {
      async serve(end) {
        const seen = [];
        end.note(seen);
        const server = storage.run('listener', () =>
          net.createServer({ allowHalfOpen: true }, (socket) => {
            seen.push(`connection ${storage.getStore()}`);
            storesOf(socket, seen, 'accepted');
            storage.run('writer', () => socket.write('hello', () => seen.push(`written ${storage.getStore()}`)));
            socket.on('end', () =>
              storage.run('ender', () => socket.end(() => seen.push(`ended ${storage.getStore()}`))),
            );
          }),
        );
        await new Promise((resolve) => storage.run('listen', () => server.listen(0, end.host, resolve)));
        return server;
      },
      async connect(end) {
        const seen = [];
        end.note(seen);
        const options = { port: end.port, host: 'a.name', family: 4 };
        options.lookup = (_name, { all }, done) =>
          storage.run('resolver', () =>
            setImmediate(() => (all ? done(null, [{ address: end.host, family: 4 }]) : done(null, end.host, 4))),
          );
        const socket = storage.run('connector', () => net.connect(options));
        storesOf(socket, seen, 'client');
        storage.run('before', () => socket.write('early', () => seen.push(`written ${storage.getStore()}`)));
        await record.until(socket, 'data');
        await new Promise((resolve) => {
          storage.run('timer', () => socket.setTimeout(20, resolve));
        });
        socket.setTimeout(0);
        storage.run('big', () => socket.write(Buffer.alloc(5_000_000), () => seen.push(`big ${storage.getStore()}`)));
        await record.until(socket, 'drain');
        storage.run('ender', () => socket.end(() => seen.push(`ended ${storage.getStore()}`)));
        await closed(socket);
        const refused = storage.run('refused', () => storesOf(net.connect(1, end.host), seen, 'refused'));
        await closed(refused);
        seen.push(`after ${storage.getStore()}`);
      },
    },
    async_hooks: {
      server: { allowHalfOpen: true },
      accept(socket, end) {
        end.watch(socket).on('end', () => socket.end('x'));
      },
      async connect(end) {
        const types = new Map();
        const depth = [];
        let wrong = 0;
        const destroyed = new Set();
        const hook = async_hooks
          .createHook({
            init: (id, type) => types.set(id, type),
            before: (id) => depth.push(id),
            after: (id) => {
              wrong += depth.pop() === id ? 0 : 1;
            },
            destroy: (id) => destroyed.add(id),
          })
          .enable();
        const socket = end.connect();
        const ids = new Set();
        const look = (event) => () => {
          ids.add(executionAsyncId());
          const known = types.has(executionAsyncId()) && executionAsyncId() === async_hooks.executionAsyncId();
          end.note(event, known, typeof executionAsyncResource(), depth.length > 0);
        };
        for (const event of ['connect', 'end', 'finish', 'close']) socket.on(event, look(event));
        socket.once('data', look('data'));
        socket.write('hello', look('written'));
        await record.until(socket, 'connect');
        const own = [...types.values()].filter((type) => /^TCP(CONNECT)?WRAP$/.test(type));
        end.note(own.includes('TCPWRAP'));
        socket.end();
        await closed(socket);
        await record.delay(20);
        hook.disable();
        end.note(
          wrong,
          [...ids].every((id) => types.has(id)),
        );
        end.note([...types].filter(([id, type]) => type === 'TCPWRAP' && !destroyed.has(id)).length);
      },
    },
    perf_hooks: {
      serve: (end) =>
        http.createServer((_request, response) => {
          response.sendDate = false;
          response.end('x');
          end.note('served');
        }),
      async connect(end) {
        const entries = [];
        const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()));
        observer.observe({ entryTypes: ['net', 'http', 'dns'] });
        const socket = end.connect();
        await record.until(socket, 'connect');
        socket.destroy();
        const response = await record.until(http.get({ ...end.target, agent: false }), 'response');
        await response.toArray();
        await record.until(net.connect(1, end.host), 'error');
        while (entries.filter(({ entryType }) => entryType !== 'http').length < 2) await record.delay(5);
        observer.disconnect();
        end.note(entries.map(({ name, entryType }) => `${entryType} ${name}`).sort());
        const net1 = entries.find(({ entryType }) => entryType === 'net');
        end.note(Object.keys(net1.detail), net1.detail.host, net1.detail.port === end.port, net1.duration >= 0);
        const { idle, active: busy, utilization } = performance.eventLoopUtilization();
        end.note(idle >= 0, busy > 0, utilization > 0 && utilization <= 1);
        const { rejected, ...timing } = performance.nodeTiming.toJSON();
        end.note(rejected === undefined, Object.keys(timing));
      },
    },
    'process._getActiveHandles': {
      server: { allowHalfOpen: true },
      accept(socket, end) {
        end.watch(socket);
        end.note(process._getActiveHandles().includes(socket), active()[0].includes('Socket open'));
        socket.on('end', () => {
          socket.end();
          socket.on('close', () => setTimeout(() => end.note(process._getActiveHandles().includes(socket)), 5));
        });
      },
      async connect(end) {
        // What the cases before have left goes first.
        const left = () => active()[0].some((name) => name.startsWith('Socket'));
        do await record.delay(30);
        while (left());
        end.note(active());
        const socket = end.connect();
        end.note(active(), process._getActiveHandles().includes(socket));
        await record.until(socket, 'connect');
        await new Promise(setImmediate);
        end.note(active(), process._getActiveHandles().includes(socket));
        socket.unref();
        end.note(active(), process._getActiveHandles().includes(socket));
        socket.ref();
        end.note(active(), process._getActiveHandles().includes(socket));
        const listener = net.createServer().listen(0, end.host);
        await record.until(listener, 'listening');
        end.note(active());
        listener.close();
        socket.end();
        await closed(socket);
        await record.delay(5);
        end.note(active(), process._getActiveHandles().includes(socket));
      },
    },
    'util.inspect': {
      server: { allowHalfOpen: true },
      accept(socket, end) {
        end.note(
          normal(inspect(socket, { depth: 0 })),
          normal(inspect(socket)),
          normal(inspect(socket.server, { depth: 0 })),
        );
        end.note(Object.keys(socket).sort(), String(socket), Object.prototype.toString.call(socket));
        end.watch(socket).on('end', () => socket.end());
      },
      async connect(end) {
        const socket = net.connect(end.target);
        const look = (options) => normal(inspect(socket, options));
        end.note(look());
        await record.until(socket, 'connect');
        end.note(look(), look({ depth: 0 }), look({ depth: 2, compact: true }), look({ showHidden: true, depth: 0 }));
        const { _handle: handle } = socket;
        end.note(
          normal(inspect(handle, { depth: 0 })),
          handle.constructor.name,
          Object.prototype.toString.call(handle),
        );
        end.note(Object.keys(socket).sort(), JSON.stringify(Object.keys(JSON.parse(JSON.stringify(socket))).sort()));
        end.watch(socket, { names: false }).end();
        await closed(socket);
        end.note(look(), look({ depth: 0 }));
      },
    },
    diagnostics_channel: {
      serve(end) {
        const server = net.createServer((socket) => end.watch(socket));
        channel('net.server.socket').subscribe(({ socket }) => {
          if (socket.server === server) end.note('net.server.socket', socket instanceof net.Socket);
        });
        return server;
      },
      async connect(end) {
        let client = null;
        const listener = ({ socket }) =>
          end.note('net.client.socket', socket instanceof net.Socket, (client = socket) !== null);
        channel('net.client.socket').subscribe(listener);
        const socket = end.connect();
        end.note(client === socket);
        socket.end('x');
        await closed(socket);
        channel('net.client.socket').unsubscribe(listener);
      },
    },
  },
  { together: false },
);
