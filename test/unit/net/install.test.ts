// What is reached of Node's internals, what the self-test refuses, and that nothing of it shows.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, Server, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { setHandleEnvironment } from '../../../src/net/handle-base.js';
import { completeHybridPrototype } from '../../../src/net/handle.js';
import { reachInternals } from '../../../src/net/internals.js';
import { install, type SwitchPort } from '../../../src/net/index.js';
import { selfTest } from '../../../src/net/self-test.js';
import { close, listen } from './support/both.js';
import { installMemorySwitch } from './support/memory-switch.js';

const OFF: SwitchPort = {
  known: () => ({ reason: 'switch-off', remembered: true }),
  provenPlain: () => undefined,
  connect: () => 'switch-off',
  listen: () => ({ reason: 'switch-off', close: () => 0 }),
};
const nothing = (): void => undefined;

function internals(): Extract<ReturnType<typeof reachInternals>, { ok: true }>['internals'] {
  const reached = reachInternals();
  assert.ok(reached.ok);
  return reached.internals;
}

/** Runs a program that imports the built net folder under other flags. */
function run(flags: readonly string[], code: string): { status: number | null; stdout: string; stderr: string } {
  const url = new URL('../../../src/net/index.js', import.meta.url).href;
  const source = `import { install, reachInternals } from ${JSON.stringify(url)};
    const port = { connect: () => 'switch-off', listen: () => ({ reason: 'switch-off', close() {} }) };
    ${code}`;
  const result = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', source], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

describe('internals', () => {
  test('are reached, silently, and leave process as it was', () => {
    const before = Object.getOwnPropertyDescriptor(process, 'noDeprecation');
    const found = internals();
    assert.equal(found.ownerSymbol.description, 'owner_symbol');
    assert.equal(found.userBufferSymbol.description, 'kBuffer');
    assert.equal(found.boundSessionKeys[0], 'undefined');
    assert.equal(typeof found.boundSessionKeys[1], 'symbol');
    assert.deepEqual(Object.getOwnPropertyDescriptor(process, 'noDeprecation'), before);
  });

  test('under --pending-deprecation and --throw-deprecation: still silent', () => {
    const result = run(
      ['--pending-deprecation', '--throw-deprecation'],
      `const result = install(port, { hold() {} }); console.log(result.ok);`,
    );
    assert.deepEqual(result, { status: 0, stdout: 'true\n', stderr: '' });
  });

  test('under --no-deprecation', () => {
    const result = run(['--no-deprecation'], `console.log(install(port, { hold() {} }).ok);`);
    assert.deepEqual(result, { status: 0, stdout: 'true\n', stderr: '' });
  });

  test('under --permission: a reason, nothing on stderr', () => {
    const major = Number(process.versions.node.split('.')[0]);
    const flag = major >= 24 ? '--permission' : '--experimental-permission';
    const quiet = ['--no-warnings', flag, '--allow-fs-read=*'];
    const result = run(quiet, `console.log(JSON.stringify(reachInternals()), install(port, { hold() {} }).reason);`);
    assert.equal(result.stderr, '');
    const [reached, reason] = result.stdout.trim().split(/ (?=\S+$)/);
    assert.equal(reason, 'bindings-unavailable');
    assert.equal((JSON.parse(reached) as { reason: string }).reason, 'bindings-unavailable');
  });

  test('without process.binding: a reason', () => {
    const result = run([], `delete process.binding; console.log(install(port, { hold() {} }).reason);`);
    assert.deepEqual(result, { status: 0, stdout: 'node-unknown\n', stderr: '' });
  });

  test('with a stream state of another shape: a reason', () => {
    const result = run(
      [],
      `process.binding('stream_wrap').streamBaseState = new Float64Array(5);
       const result = install(port, { hold() {} }); console.log(result.reason, result.detail);`,
    );
    assert.deepEqual(result, { status: 0, stdout: 'node-unknown stream_wrap.streamBaseState\n', stderr: '' });
  });
});

describe('the self-test', () => {
  test('knows this Node, and leaves nothing behind', async () => {
    const reached = internals();
    setHandleEnvironment({
      internals: reached,
      hold: nothing,
      closeLate: () => false,
      onOpened: nothing,
      onClosed: nothing,
    });
    completeHybridPrototype();
    assert.equal(selfTest(reached), null);
    await new Promise(setImmediate);
  });

  test('refuses a TCP handle that has a member we do not know', () => {
    const reached = internals();
    const ancestor = Object.getPrototypeOf(reached.TCP.prototype) as object;
    Object.defineProperty(ancestor, 'setSomethingNew', { value: nothing, configurable: true });
    try {
      assert.equal(selfTest(reached), 'TCP handles have setSomethingNew');
      const result = install(OFF, { hold: nothing });
      assert.ok(!result.ok);
      assert.equal(result.reason, 'node-unknown');
      assert.match(result.detail, /setSomethingNew/);
    } finally {
      Reflect.deleteProperty(ancestor, 'setSomethingNew');
    }
  });

  test('refuses a Node whose sockets behave otherwise, and nothing of it reaches the program', async () => {
    const reached = internals();
    const thrown: unknown[] = [];
    const listener = (error: unknown): void => void thrown.push(error);
    process.on('uncaughtException', listener);
    const original = Socket.prototype.push;
    Socket.prototype.push = () => {
      throw new Error('another Node');
    };
    try {
      assert.match(selfTest(reached) ?? '', /another Node/);
    } finally {
      Reflect.deleteProperty(Socket.prototype, 'push');
      assert.equal(Socket.prototype.push, original);
    }
    await new Promise(setImmediate);
    process.removeListener('uncaughtException', listener);
    assert.deepEqual(thrown, []);
  });
});

describe('install', () => {
  test('is done once; restore takes everything back', () => {
    const { TCP, tlsWrap, Pipe } = internals();
    const targets: [object, string[]][] = [
      [TCP.prototype, ['connect', 'connect6', 'close', 'reset']],
      [Server.prototype, ['_listen2']],
      [tlsWrap, ['wrap']],
      [Pipe.prototype, ['writeUtf8String', 'writeBuffer']],
    ];
    const look = (): unknown[] =>
      targets.flatMap(([target, names]) =>
        names.flatMap((name) => [Object.hasOwn(target, name), (target as Record<string, unknown>)[name]]),
      );
    const before = look();
    const first = install(OFF, { hold: nothing });
    assert.ok(first.ok);
    assert.notDeepEqual(look(), before);
    assert.equal(install(OFF, { hold: nothing }), first);
    first.net.restore();
    assert.deepEqual(look(), before);
  });

  test('leaves an isolate alone that another copy has', () => {
    const mark = Symbol.for('sockets-direct.net');
    Object.defineProperty(process, mark, { value: true, configurable: true });
    try {
      const result = install(OFF, { hold: nothing });
      assert.ok(!result.ok);
      assert.match(result.detail, /another copy/);
    } finally {
      Reflect.deleteProperty(process, mark);
    }
  });
});

describe('what a program can see of the handle', () => {
  test('a TCP handle', async () => {
    const { san, net } = installMemorySwitch();
    const server = createServer((socket) => socket.pipe(socket));
    const port = await listen(server);
    const text: string[] = [];
    for (const enabled of [false, true]) {
      san.enabled = enabled;
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const handle = (socket as unknown as { _handle: Record<string, () => unknown> & object })._handle;
      const { TCP } = internals();
      assert.ok(handle instanceof (TCP as unknown as abstract new () => object));
      assert.equal(handle.constructor, TCP);
      assert.equal(handle['getProviderType'](), new TCP(0).getProviderType());
      assert.equal(typeof handle['getAsyncId'](), 'number');
      text.push(inspect(socket, { depth: 0 }).replace(/\d+/g, '#'));
      text.push(inspect(handle, { depth: 0 }).replace(/\d+/g, '#'));
      socket.end().resume();
      await once(socket, 'close');
    }
    await close(server);
    net.restore();
    assert.equal(text[3], text[1]);
    assert.equal(text[2], text[0]);
  });

  test('a reset is not refused while a shutdown is under way: net would never close the socket', async () => {
    const { san, net } = installMemorySwitch();
    const server = createServer();
    const port = await listen(server);
    const socket = connect(port, '127.0.0.1').on('error', nothing);
    const [peer] = (await once(server, 'connection')) as [Socket];
    type Members = Record<'shutdown' | 'reset', (argument: unknown) => number>;
    const handle = (peer as unknown as { _handle: Members })._handle;
    const ends: unknown[] = [];
    assert.equal(handle.shutdown({ oncomplete: (status: number) => ends.push(status) }), 0);
    assert.equal(
      handle.reset(() => ends.push('closed')),
      0,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(ends, [internals().uv.UV_ECANCELED, 'closed']);
    peer.destroy();
    socket.destroy();
    await close(server);
    assert.equal(san.held, 0);
    net.restore();
  });

  test('members that have no meaning answer like libuv', async () => {
    const { san, net } = installMemorySwitch();
    const server = createServer();
    const port = await listen(server);
    const socket = connect(port, '127.0.0.1');
    const [peer] = (await once(server, 'connection')) as [Socket];
    const { uv } = internals();
    type Members = Record<string, (...args: unknown[]) => unknown> & { fd: number; writeQueueSize: number };
    const handle = (peer as unknown as { _handle: Members })._handle;
    assert.equal(handle['bind']('127.0.0.1', 1), uv.UV_EINVAL);
    assert.equal(handle['listen'](1), uv.UV_EINVAL);
    assert.equal(handle['open'](1), uv.UV_EINVAL);
    assert.equal(handle['connect']({}, '127.0.0.1', 1), uv.UV_EISCONN);
    assert.equal(handle['setBlocking'](true), 0);
    assert.equal(handle['setTypeOfService'](8), 0);
    assert.equal(handle['getTypeOfService'](), 8);
    assert.equal(handle['getAsyncContextFrameForDebuggingOnly'](), undefined);
    assert.equal(handle.fd, -1);
    assert.equal(handle.writeQueueSize, 0);
    assert.throws(() => handle['writeBuffer']({}, 'no buffer'), { code: 'ERR_INVALID_ARG_TYPE' });
    peer.destroy();
    assert.equal(handle['readStart'](), uv.UV_EINVAL);
    assert.equal(handle['writeBuffer']({}, Buffer.from('x')), uv.UV_EBADF);
    assert.equal(handle['shutdown']({}), uv.UV_ENOTCONN);
    assert.equal(handle['getpeername']({}), uv.UV_EBADF);
    assert.equal(handle['hasRef'](), false);
    handle['close']();
    assert.equal(handle['reset'](), 0);
    socket.resume();
    await once(socket, 'close');
    await close(server);
    assert.equal(san.held, 0);
    net.restore();
  });
});
