// The ways to get at net, before and after the switch is loaded. { register: path, how: 'require' | 'import' }: the program
// loads it itself, and after it has imported everything; otherwise it is there before, or not at all.
import { once } from 'node:events';
import http, { get as getEarly } from 'node:http';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import net, { connect as connectEarly, createServer as createServerEarly, Socket as SocketEarly } from 'node:net';
import * as space from 'node:net';
import { pathToFileURL } from 'node:url';
import record from '../lib/record.cjs';
import early from './lib/early.cjs';
import { runCases } from './lib/cases.mjs';

const require = createRequire(import.meta.url);
const required = require('net');
const { register, how } = record.parameters();

// Made before.
const socketBefore = new net.Socket();
const agentBefore = new http.Agent({ keepAlive: true });
const serverBefore = net.createServer();
const listeningBefore = net.createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
await once(listeningBefore, 'listening');
const extended = class extends net.Socket {};

if (how === 'require') require(register);
else if (how === 'import') await import(pathToFileURL(register));

const late = await import('node:net');
const lateRequired = require('net');

const talk = async (end, socket) => {
  end.watch(socket).end('hello');
  await record.until(socket, 'close');
};
/** A case that makes its listener by `createServer` and its connection by `connect`. */
const by = (createServer, connect) => ({
  serve: (end) => createServer((socket) => end.watch(socket)),
  connect: (end) => talk(end, connect(end.target)),
});
const site = (end) =>
  http.createServer((request, response) => {
    end.note(request.url);
    response.sendDate = false;
    response.end('served');
  });
const ask = async (end, get, options) => {
  const response = await record.until(get({ ...end.target, ...options }), 'response');
  end.note(response.statusCode, String(await response.toArray()));
};
const shape = (object) =>
  Object.entries(Object.getOwnPropertyDescriptors(object)).map(
    ([name, { value, writable, enumerable, configurable }]) => [
      name,
      typeof value === 'function' ? [value.name, value.length] : typeof value,
      writable,
      enumerable,
      configurable,
    ],
  );

await runCases(
  {
    'an ESM import, before': by(createServerEarly, connectEarly),
    'an ESM namespace, before': by(space.createServer, space.createConnection),
    'a CJS require, before': by(required.createServer, required.connect),
    'captured by a CJS module, before': by(early.createServer, early.connect),
    'new net.Socket, captured before': by(early.createServer, (target) => new early.Socket().connect(target)),
    'a subclass, made before': by(createServerEarly, (target) => new extended().connect(target)),
    'an ESM import, after': by(late.createServer, late.connect),
    'a CJS require, after': by(lateRequired.createServer, lateRequired.createConnection),
    'process.getBuiltinModule': by(
      (process.getBuiltinModule?.('net') ?? net).createServer,
      (process.getBuiltinModule?.('node:net') ?? net).connect,
    ),
    'http, captured before': {
      serve: site,
      async connect(end) {
        await ask(end, getEarly, { path: '/esm' });
        await ask(end, early.get, { path: '/cjs', agent: early.agent });
        await ask(end, http.get, { path: '/agent', agent: agentBefore });
        early.agent.destroy();
        agentBefore.destroy();
      },
    },
    'a socket and a server, made before': {
      serve: (end) => serverBefore.on('connection', (socket) => end.watch(socket)),
      connect: (end) => talk(end, socketBefore.connect(end.target)),
    },
    'a listener, from before': {
      serve: () => listeningBefore,
      connect: (end) => talk(end, net.connect(end.target)),
    },
    syncBuiltinESMExports: {
      serve: (end) => net.createServer((socket) => end.watch(socket)),
      async connect(end) {
        const { connect } = net;
        // As tools do that watch a program.
        required.connect = function watched(...args) {
          end.note('watched');
          return connect.apply(this, args);
        };
        end.note(connectEarly === connect);
        syncBuiltinESMExports();
        end.note(connectEarly === required.connect, space.connect.name, late.connect === connectEarly);
        await talk(end, connectEarly(end.target));
        required.connect = connect;
        syncBuiltinESMExports();
        end.note(connectEarly === connect, net.connect === net.createConnection);
        await talk(end, connectEarly(end.target));
      },
    },
    'the shape of net': {
      serve: (end) => net.createServer((socket) => end.watch(socket)),
      async connect(end) {
        end.note([net, net.Socket.prototype, net.Server.prototype, http.Agent.prototype].map(shape));
        end.note(SocketEarly === net.Socket && late.Socket === lateRequired.Socket && SocketEarly === early.Socket);
        end.note(process.execArgv.length > 0, Object.keys(globalThis));
        await talk(end, net.connect(end.target));
      },
    },
  },
  { together: false },
);
listeningBefore.close();
