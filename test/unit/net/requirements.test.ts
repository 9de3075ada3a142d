// D1, D9: what is missing of Node's internals is found at start-up and named, one by one, and the program stays on TCP.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { reachInternals } from '../../../src/net/internals.js';
import { probeServer, probeSocket } from '../../../src/net/probe.js';
import { requiredNames } from '../../../src/net/requirements.js';
import { registerFile, root } from '../../support/program.js';

const nothing = (): void => undefined;
const host = process as unknown as { binding: (name: string) => Record<string, unknown> };
/** What is used where it is there and not missed where it is not, or belongs to this package; and why. */
const NOT_REQUIRED = new Map([
  ['_externalStream', 'on the list of what a TLSWrap may have'],
  ['_consumed', 'set by an HTTP/1 server on handles, when one is there'],
  ['_getActiveHandles', 'a list for tools, extended if it is there'],
  ['_onTimeout', 'of our own stand-in for a socket'],
  ['_tickCallback', 'without it what waits for an event comes a turn later'],
  ['_parent', 'of a TLS socket, for routeOf, and of a TLSWrap: without it TLS clients stay on TCP'],
  ['_readableState', 'read by the self-test, which refuses a Node without it'],
]);

/** What `reachInternals` says of a Node that lacks one thing. */
function detailWithout(path: string): string {
  const [binding, ...rest] = path.split('.');
  if (binding === 'net') return withoutMethod(rest[0] === 'Server' ? Server.prototype : Socket.prototype, rest[2]);
  return withBinding(binding, (real) => without(real, rest));
}

/** With a copy of a binding, for the real one is shared with Node itself. */
function withBinding(name: string, change: (real: Record<string, unknown>) => unknown): string {
  const { binding } = host;
  host.binding = (asked) => {
    const real = binding.call(process, asked);
    return asked === name ? (change(real) as Record<string, unknown>) : real;
  };
  try {
    return answer();
  } finally {
    host.binding = binding;
  }
}

/** An object that lacks what is at the end of a path: the others on the path are stand-ins too. */
function without(real: object, [name, ...rest]: readonly string[]): object {
  const target = typeof real === 'function' ? nothing : {};
  return new Proxy(target, {
    has: (_, key) => (key !== name || rest.length > 0) && key in real,
    get(_, key) {
      if (key !== name) return Reflect.get(real, key) as unknown;
      return rest.length === 0 ? undefined : without(Reflect.get(real, key) as object, rest);
    },
  });
}

function withoutMethod(prototype: object, name: string): string {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
  Object.defineProperty(prototype, name, { value: undefined, configurable: true, writable: true });
  try {
    return answer();
  } finally {
    Object.defineProperty(prototype, name, descriptor);
  }
}

function answer(): string {
  const reached = reachInternals();
  return reached.ok ? 'nothing is missing' : `${reached.reason} ${reached.detail}`;
}

describe('what is missing of Node’s internals is named', () => {
  for (const name of requiredNames()) {
    test(name, () => assert.equal(detailWithout(name), `node-unknown ${name}`));
  }

  test('and nothing is where all is there again', () => assert.ok(reachInternals().ok));

  test('a whole binding', () => {
    const bindings = new Set(requiredNames().map((path) => path.split('.')[0]));
    bindings.delete('net');
    for (const name of bindings) assert.equal(withBinding(name, nothing), `node-unknown ${name}`);
  });

  test('a place outside of the mailbox', () => {
    for (const name of ['kBytesWritten', 'kLastWriteErr']) {
      const detail = withBinding('stream_wrap', (real) => ({ ...real, [name]: 4096 }));
      assert.equal(detail, `node-unknown stream_wrap.${name}`);
    }
  });
});

describe('what is missing of sockets and servers is named', () => {
  /** Sockets of a Node that is another in one thing. */
  const changed = (change: (socket: Record<PropertyKey, unknown>, handle: object) => void): typeof Socket =>
    class extends Socket {
      constructor(options?: object) {
        super(options);
        change(this as unknown as Record<PropertyKey, unknown>, (options as { handle: object }).handle);
      }
    };
  const symbolOf = (object: object, description: string): symbol =>
    Object.getOwnPropertySymbols(object).find((key) => key.description === description)!;
  const cases: [name: string, SocketClass: typeof Socket][] = [
    ['owner_symbol', changed((_, handle) => Reflect.deleteProperty(handle, symbolOf(handle, 'owner_symbol')))],
    ['kBuffer', changed((socket) => Reflect.deleteProperty(socket, symbolOf(socket, 'kBuffer')))],
    ['handle.onread', changed((_, handle) => Reflect.deleteProperty(handle, 'onread'))],
    ['net.Socket._handle', changed((socket) => (socket['_handle'] = null))],
    ['net.Socket._writableState.getBuffer', changed((socket) => (socket['_writableState'] = {}))],
    ['net.Socket._sockname', changed((socket) => (socket['address'] = nothing))],
    ['net.Socket._peername', changed((socket) => (socket['_getpeername'] = () => ({})))],
  ];
  for (const [name, SocketClass] of cases) test(name, () => assert.equal(probeSocket(SocketClass), name));

  test('kBoundSession', () => {
    class Other extends Socket {
      override setTimeout(): this {
        return this;
      }
    }
    assert.equal(probeSocket(Other), 'kBoundSession');
  });

  test('net.Server._handle, net.Server._connections', () => {
    for (const name of ['_handle', '_connections']) {
      class Other extends Server {
        constructor() {
          super();
          Reflect.deleteProperty(this, name);
        }
      }
      assert.equal(probeServer(Other), `net.Server.${name}`);
    }
  });

  test('and nothing is where all is there', () => {
    assert.equal(typeof probeSocket(), 'object');
    assert.equal(probeServer(), null);
  });
});

test('every private name of Node’s that src/net uses is looked for', () => {
  const probed = ['_handle', '_writableState', '_sockname', '_peername', '_connections'];
  const known = new Set([...requiredNames().map((path) => path.split('.').at(-1)), ...probed, ...NOT_REQUIRED.keys()]);
  const folder = join(root, 'src', 'net');
  const unknown = readdirSync(folder).flatMap((file) => {
    const code = readFileSync(join(folder, file), 'utf8').replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
    return [...code.matchAll(/(?<=[.'"{,]\s*)_[a-z]\w*/gi)].map(([name]) => name).filter((name) => !known.has(name));
  });
  assert.deepEqual(unknown, []);
});

describe('a program in a Node that lacks something', () => {
  /** What a program under the switch says of it, and what it receives by a connection of its own. */
  function run(change: string): unknown {
    const program = `
      const net = require('node:net');
      const { on, reason, detail } = globalThis[Symbol.for('sockets-direct.runtime')].status();
      const server = net.createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1', () => {
        let text = '';
        const socket = net.connect(server.address().port, '127.0.0.1', () => server.close());
        const handle = socket._handle.constructor.name;
        socket.on('data', (chunk) => (text += chunk));
        socket.on('close', () => console.log(JSON.stringify({ on, reason, detail, text, handle })));
      });`;
    const source = `${change}; require(${JSON.stringify(registerFile)}); ${program}`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', source], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    assert.equal(stderr, '');
    return JSON.parse(stdout) as unknown;
  }
  const without = (binding: string, act: string): string =>
    `{ const real = process.binding;
       process.binding = (name) => {
         const found = { ...real.call(process, name) };
         if (name === '${binding}') { ${act} }
         return found;
       }; }`;

  for (const [detail, change] of [
    ['process.binding', 'delete process.binding'],
    ['js_stream.JSStream', without('js_stream', 'delete found.JSStream')],
    ['stream_wrap.kBytesWritten', without('stream_wrap', 'delete found.kBytesWritten')],
    ['tls_wrap.wrap', without('tls_wrap', 'delete found.wrap')],
    ['uv.UV_EOF', without('uv', 'delete found.UV_EOF')],
    ['process_wrap.Process.prototype.spawn', `delete process.binding('process_wrap').Process.prototype.spawn`],
  ]) {
    test(`${detail}: stays on TCP, silently, and says which it is`, () => {
      const expected = { on: false, reason: 'node-unknown', detail, text: 'hello', handle: 'TCP' };
      assert.deepEqual(run(change), expected);
    });
  }
});
