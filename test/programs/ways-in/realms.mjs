// Code and data of other realms: vm contexts (as test runners and template engines use them), whose Uint8Array, Error and
// Object are others than Node's.
import { createRequire } from 'node:module';
import net from 'node:net';
import vm from 'node:vm';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const require = createRequire(import.meta.url);
const globals = { require, record, setTimeout, setImmediate, Buffer, AbortController, console };
const foreign = vm.createContext({ ...globals });
const evaluate = (source) => vm.runInContext(`(${source})`, foreign);

const talk = evaluate(`async function (end, options) {
  const net = require('net');
  const socket = end.watch(net.connect({ ...end.target, ...options }));
  socket.end('from another realm');
  await record.until(socket, 'close');
  return socket instanceof net.Socket;
}`);
const serveInside = evaluate(`function (end) {
  return require('net').createServer((socket) => end.watch(socket).write('served'));
}`);

await runCases({
  'vm.runInContext': {
    serve: serveInside,
    async connect(end) {
      end.note(await talk(end), evaluate('Uint8Array') === Uint8Array);
    },
  },
  'vm.Script, vm.compileFunction, runInThisContext': {
    serve: serveInside,
    async connect(end) {
      const source = `require('net').connect(target)`;
      for (const run of [
        () => new vm.Script(source).runInContext(vm.createContext({ require, target: end.target })),
        () => vm.compileFunction(`return ${source}`, ['require', 'target'])(require, end.target),
        () => vm.runInThisContext(`(require, target) => ${source}`)(require, end.target),
        () => vm.runInNewContext(source, { require, target: end.target }),
        () => new Function('require', 'target', `return ${source}`)(require, end.target),
      ]) {
        const socket = end.watch(run());
        socket.end('x');
        await record.until(socket, 'close');
      }
    },
  },
  'import() inside vm': {
    serve: serveInside,
    async connect(end) {
      const { USE_MAIN_CONTEXT_DEFAULT_LOADER: loader } = vm.constants ?? {};
      const { default: imported } =
        loader === undefined
          ? { default: net }
          : await vm.runInThisContext(`import('node:net')`, { importModuleDynamically: loader });
      const socket = end.watch(imported.connect(end.target));
      socket.end('x');
      await record.until(socket, 'close');
    },
  },
  'bytes of another realm': {
    accept(socket, end) {
      end.watch(socket).on('end', () => {
        const bytes = evaluate(`new Uint8Array([1, 2, 3])`);
        socket.write(bytes);
        socket.end(evaluate(`new Uint8Array(new SharedArrayBuffer(50000)).fill(7)`));
      });
    },
    server: { allowHalfOpen: true },
    async connect(end) {
      const socket = end.connect();
      for (const source of [
        'new Uint8Array(100000).fill(5)',
        'new Uint8Array(new ArrayBuffer(10), 2, 5).fill(6)',
        'new Uint8Array(new ArrayBuffer(10, { maxByteLength: 20 }), 2)',
      ]) {
        end.note(socket.write(evaluate(source)));
      }
      socket.cork();
      for (let i = 0; i < 5; i++) socket.write(evaluate(`new Uint8Array(${i * 3000}).fill(${i})`));
      socket.uncork();
      end.attempt('no bytes', () => socket.write(evaluate('({ length: 3 })')));
      socket.end(evaluate(`'and text'`));
      await record.until(socket, 'close');
    },
  },
  'onread with a buffer of another realm': {
    accept(socket, end) {
      end.watch(socket).end(record.bytes('onread', 30_000));
    },
    async connect(end) {
      for (const make of [
        `() => { const one = new Uint8Array(1500); return { buffer: one, is: (other) => other === one }; }`,
        `() => ({ buffer: () => new Uint8Array(1500), is: (other) => other instanceof Uint8Array && other.length === 1500 })`,
      ]) {
        const { buffer, is } = evaluate(make)();
        const parts = [];
        let other = 0;
        const callback = (length, from) => {
          other += is(from) && length <= 1500 ? 0 : 1;
          parts.push(Buffer.from(from.subarray(0, length)));
          return true;
        };
        const socket = end.connect({ onread: { buffer, callback } }, { read: false });
        await record.until(socket, 'close');
        end.note(other, record.sha256(Buffer.concat(parts)), socket.bytesRead);
      }
    },
  },
  'options and errors of another realm': {
    accept(socket) {
      socket.on('error', () => {}).resume();
    },
    async connect(end) {
      const make = evaluate(`(target, record) => require('net').connect(JSON.parse(JSON.stringify(target)))`);
      const socket = end.watch(make(end.target));
      await record.until(socket, 'connect');
      socket.destroy(evaluate(`new RangeError('theirs')`));
      const error = await record.until(socket, 'error');
      end.note(error instanceof Error, error.name, error.message);
      const controller = new AbortController();
      const aborted = end.connect({ signal: controller.signal });
      await record.until(aborted, 'connect');
      controller.abort(evaluate(`new Error('their reason')`));
      const { name, cause } = await record.until(aborted, 'error');
      end.note(name, cause?.message);
    },
  },
  'an exception in another realm': {
    accept(socket, end) {
      end.watch(socket).write('served');
    },
    async connect(end) {
      const uncaught = new Promise((resolve) => process.once('uncaughtException', (...args) => resolve(args)));
      const socket = end.connect();
      socket.once('data', evaluate(`() => { throw new SyntaxError('thrown there') }`));
      const [error, origin] = await uncaught;
      end.note(error.name, error.message, error instanceof Error, origin);
      socket.end();
      await record.until(socket, 'close');
    },
  },
});
