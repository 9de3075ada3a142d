// What a program can say when it makes a socket: the options of net.connect and of new net.Socket, and the ways to call
// them.
import assert from 'node:assert/strict';
import net from 'node:net';
import { inherits } from 'node:util';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const closed = (socket) => record.until(socket, 'close');

/** A resolver for one name that notes what it is asked. */
const resolver =
  (end, ...answers) =>
  (name, options, done) => {
    const { family, hints, all } = options;
    end.note('asked', name, { family, hints, all });
    setImmediate(() => {
      const found = answers.map((address) => ({ address, family: net.isIP(address) }));
      if (answers[0] instanceof Error) done(answers[0]);
      else if (all) done(null, found);
      else done(null, found[0].address, found[0].family);
    });
  };

/** Ends a connection from the client's side and waits for it. */
const finish = async (socket, text = 'x') => {
  socket.end(text);
  await closed(socket);
};

const socketName = ({ localAddress, localFamily, remoteAddress, remoteFamily }) => [
  localAddress,
  localFamily,
  remoteAddress,
  remoteFamily,
];

/** Writes up to the mark, and waits until that is gone. */
const fill = async (socket, end, mark) => {
  socket.cork();
  end.note(socket.write(Buffer.alloc(mark - 1)), socket.writableNeedDrain, socket.writableLength);
  end.note(socket.write('z'), socket.writableNeedDrain, socket.writableLength);
  socket.uncork();
  end.note(socket.writableLength);
  await record.until(socket, 'drain');
  end.note('drain', socket.writableLength, socket.bytesWritten);
};

await runCases({
  highWaterMark: {
    server: { highWaterMark: 3000, allowHalfOpen: true },
    accept(socket, end) {
      end.watch(socket);
      end.note(socket.readableHighWaterMark, socket.writableHighWaterMark);
      socket.on('end', () => {
        fill(socket, end, 3000).then(() => socket.end());
      });
    },
    async connect(end) {
      const socket = end.connect({ highWaterMark: 2000 });
      end.note(socket.readableHighWaterMark, socket.writableHighWaterMark);
      await record.until(socket, 'connect');
      await fill(socket, end, 2000);
      await finish(socket);
      const own = end.watch(new net.Socket({ readableHighWaterMark: 10, writableHighWaterMark: 20 }));
      own.connect(end.target);
      end.note(own.readableHighWaterMark, own.writableHighWaterMark, own.write(Buffer.alloc(20)));
      await finish(own);
    },
  },
  allowHalfOpen: {
    server: { allowHalfOpen: true },
    accept(socket, end) {
      end.watch(socket);
      end.note(socket.allowHalfOpen);
      socket.on('end', () => {
        end.note(socket.readyState, socket.writable);
        setTimeout(() => socket.end('the answer after the question'), 5);
      });
    },
    async connect(end) {
      for (const allowHalfOpen of [true, false]) {
        const socket = end.connect({ allowHalfOpen });
        socket.on('end', () => {
          end.note(socket.readyState, socket.writableEnded);
          if (allowHalfOpen) socket.destroy();
        });
        socket.end('question');
        await closed(socket);
      }
    },
  },
  pauseOnConnect: {
    server: { pauseOnConnect: true },
    async accept(socket, end) {
      end.watch(socket);
      end.note(socket.isPaused(), socket.readableFlowing);
      await record.delay(20);
      end.note(socket.bytesRead, socket.readableLength);
      socket.resume();
    },
    async connect(end) {
      await finish(end.connect(), 'nobody reads this at once');
    },
  },
  onread: {
    accept(socket, end) {
      end.watch(socket);
      socket.end(record.bytes('onread', 20_000));
    },
    async connect(end) {
      for (const fresh of [false, true]) {
        const parts = [];
        let most = 0;
        let calls = 0;
        const one = Buffer.alloc(1000);
        const socket = end.connect(
          {
            onread: {
              buffer: fresh ? () => new Uint8Array(700) : one,
              callback(length, buffer) {
                most = Math.max(most, length, fresh ? 700 : 1000);
                assert.ok(fresh ? buffer.length === 700 : buffer === one);
                parts.push(Buffer.from(buffer.subarray(0, length)));
                if (++calls !== 3) return true;
                setTimeout(() => socket.resume(), 2);
                return false;
              },
            },
          },
          { read: false },
        );
        await closed(socket);
        end.note(most, record.sha256(Buffer.concat(parts)), socket.bytesRead);
      }
    },
  },
  'noDelay and keepAlive': {
    server: { noDelay: true, keepAlive: true, keepAliveInitialDelay: 2000 },
    accept(socket, end) {
      end.watch(socket);
      end.note(socket.setNoDelay(false) === socket, socket.setKeepAlive(false) === socket);
    },
    async connect(end) {
      const socket = end.connect({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 });
      end.note(socket.setNoDelay() === socket, socket.setKeepAlive(true, 500) === socket);
      await record.until(socket, 'connect');
      end.note(socket.setNoDelay(false) === socket, socket.setKeepAlive(true, 100) === socket);
      await finish(socket);
      end.attempt('afterwards', () => socket.setNoDelay().setKeepAlive(true) === socket);
    },
  },
  typeOfService: {
    async connect(end) {
      const socket = end.connect({ typeOfService: 0x10 });
      end.attempt('before', () => socket.getTypeOfService?.());
      await record.until(socket, 'connect');
      end.attempt('connected', () => socket.getTypeOfService?.());
      end.attempt('set', () => socket.setTypeOfService?.(0x08) === socket);
      end.attempt('changed', () => socket.getTypeOfService?.());
      end.attempt('wrong', () => socket.setTypeOfService?.(256));
      await finish(socket);
    },
  },
  signal: {
    async connect(end) {
      const reasons = [undefined, new Error('for a reason')];
      for (const reason of reasons) {
        // (net.connect with such a signal connects all the same, and nobody ever closes that: not done here.)
        const early = new net.Socket({ signal: AbortSignal.abort(reason) });
        early.on('error', ({ name, code, cause }) => end.note(name, code, String(cause)));
        await closed(early);
        end.note(early.destroyed);
        const during = new AbortController();
        const connecting = end.connect({ signal: during.signal });
        connecting.on('error', ({ name, code, cause }) => end.note(name, code, String(cause)));
        during.abort(reason);
        await closed(connecting);
        const late = new AbortController();
        const socket = end.connect({ signal: late.signal });
        socket.on('error', ({ name, code, cause }) => end.note(name, code, String(cause)));
        await record.until(socket, 'connect');
        late.abort(reason);
        await closed(socket);
      }
      await finish(end.connect({ signal: new AbortController().signal }));
    },
    accept(socket) {
      // Whether those that were given up reached it is a matter of time, on TCP too.
      socket.on('error', () => {}).resume();
    },
  },
  family: {
    async connect(end) {
      for (const family of [0, 4]) {
        await finish(end.connect({ host: 'localhost', family, lookup: resolver(end, '127.0.0.1') }));
      }
      await finish(end.connect({ host: 'a.name', family: 6, hints: 0, lookup: resolver(end, '::ffff:127.0.0.1') }));
      await finish(end.connect({ host: 'localhost', family: 4 }));
      end.attempt(
        'wrong',
        () =>
          net
            .connect({ ...end.target, family: 5 })
            .on('error', () => {})
            .destroy() && 'taken',
      );
    },
  },
  lookup: {
    async connect(end) {
      const failure = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      const lookups = [
        resolver(end, '127.0.0.1'),
        resolver(end, failure),
        resolver(end, 'not an address'),
        (_name, { all }, done) =>
          all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
      ];
      for (const lookup of lookups) {
        for (const autoSelectFamily of [false, true]) {
          const socket = net.connect({ port: end.port, host: 'a.name', lookup, autoSelectFamily });
          end.watch(socket, { names: false });
          socket.on('lookup', (error, address, family, host) => end.note(error?.code ?? null, address, family, host));
          await finish(socket);
        }
      }
      end.attempt('wrong', () => net.connect({ port: end.port, lookup: 'none' }));
    },
  },
  autoSelectFamily: {
    async connect(end) {
      const lookup = (...answers) => ({ host: 'a.name', lookup: resolver(end, ...answers), autoSelectFamily: true });
      const listen = (socket) => {
        for (const event of ['connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout']) {
          socket.on(event, (ip, port, family, error) => end.note(event, ip, port === end.port, family, error?.code));
        }
        return socket;
      };
      // Long enough for a busy machine, where the next address would have its turn else.
      const patient = { autoSelectFamilyAttemptTimeout: 30_000 };
      const one = listen(end.connect({ ...lookup('::ffff:127.0.0.1', '127.0.0.1'), ...patient }));
      await finish(one);
      end.note(one.autoSelectFamilyAttemptedAddresses.map((name) => name.replace(/:\d+$/, '')));
      const two = listen(end.connect({ ...lookup('127.0.0.1'), ...patient }));
      await finish(two);
      const before = net.getDefaultAutoSelectFamily();
      net.setDefaultAutoSelectFamily(false);
      const three = listen(end.connect({ host: 'a.name', lookup: resolver(end, '127.0.0.1') }));
      net.setDefaultAutoSelectFamily(before);
      await finish(three);
      end.attempt('wrong', () => net.connect({ ...end.target, autoSelectFamily: 'yes' }));
    },
  },
  'localAddress and localPort': {
    accept(socket, end) {
      end.watch(socket);
    },
    async connect(end) {
      const socket = end.connect({ localAddress: '127.0.0.9' });
      await record.until(socket, 'connect');
      end.note(socketName(socket));
      await finish(socket);
      // The same port once more: the connection before has gone, and left nothing on it.
      const { localPort } = socket.address().port === undefined ? { localPort: 0 } : socket;
      await finish(end.connect({ localAddress: '127.0.0.9', localPort }));
      await finish(end.connect({ localAddress: '::1' }, { names: false }));
      await finish(end.connect({ localAddress: '192.0.2.1' }, { names: false }));
      end.attempt('wrong address', () => net.connect({ ...end.target, localAddress: 'here' }));
      end.attempt('wrong port', () => net.connect({ ...end.target, localPort: 'this' }));
    },
  },
  timeout: {
    async connect(end) {
      // How often it fires is a matter of time, and it may while the connect is under way.
      const socket = end.connect({ timeout: 30 }, { skip: ['timeout'] });
      await record.until(socket, 'connect');
      await record.until(socket, 'timeout');
      end.note(socket.timeout, socket.destroyed, socket.readyState);
      const twice = new Promise((resolve) => {
        end.note(socket.setTimeout(20, resolve) === socket, socket.timeout);
      });
      await twice;
      end.note(socket.setTimeout(0, () => end.note('never')) === socket, socket.timeout);
      await finish(socket);
      end.attempt('wrong', () => socket.setTimeout('soon'));
      end.attempt('wrong callback', () => socket.setTimeout(1, 'call'));
    },
  },
  'resetAndDestroy and destroySoon': {
    accept(socket, end) {
      end.watch(socket).once('data', () => socket.write('seen'));
    },
    async connect(end) {
      // (A reset that comes together with data is an end of file to libuv: hence the answer.)
      const reset = end.connect();
      reset.write('hello');
      await record.until(reset, 'data');
      end.note(reset.resetAndDestroy() === reset, reset.destroyed);
      await closed(reset);
      end.note(reset.resetAndDestroy() === reset);
      const soon = end.connect();
      await record.until(soon, 'connect');
      soon.write('hello');
      await record.until(soon, 'data');
      soon.write(Buffer.alloc(200_000));
      soon.destroySoon();
      end.note(soon.writableEnded, soon.destroyed);
      await closed(soon);
      const never = end.watch(new net.Socket());
      never.on('error', ({ code }) => end.note(code));
      never.resetAndDestroy();
      await closed(never);
    },
  },
  BlockList: {
    accept(socket, end) {
      const list = new net.BlockList();
      list.addSubnet('127.0.0.0', 8, 'ipv4');
      end.note(list.check(socket.remoteAddress), list.check(socket.localAddress), list.check('192.0.2.1'));
      end.watch(socket);
    },
    async connect(end) {
      const blocked = new net.BlockList();
      blocked.addAddress('127.0.0.1');
      const open = new net.BlockList();
      open.addRange('192.0.2.1', '192.0.2.9');
      // An option since Node 22; older ones take no notice of it.
      for (const blockList of [open, blocked]) {
        await finish(end.connect({ blockList }, { names: false }));
        await finish(end.connect({ blockList, host: 'localhost', family: 4 }, { names: false }));
      }
    },
  },
  'createConnection, all its forms': {
    async connect(end) {
      const { port, host } = end;
      const made = await Promise.all(
        [
          (done) => net.createConnection(port, host, done),
          (done) => net.createConnection({ port, host }, done),
          (done) => net.createConnection(String(port), host, done),
          (done) => net.connect({ port: String(port), host }, done),
          (done) => net.connect({ port, host, readable: true, writable: true }, done),
          (done) => net.connect(port, 'localhost', done),
          (done) => net.connect({ port, host: 'localhost', family: 4 }).once('connect', done),
        ].map(async (call) => {
          const socket = await new Promise((resolve) => {
            const made = call(() => resolve(made));
          });
          socket.end();
          await closed(socket.resume());
          return [socket instanceof net.Socket, socket.destroyed];
        }),
      );
      end.note(made);
      for (const wrong of [[], [70_000], [-1], [{}], [{ port: 'x' }], [{ port: {} }], [NaN], [{ port, host: 1 }]]) {
        end.attempt(JSON.stringify(wrong[0])?.replace(/\d{3,5}/, 'PORT') ?? 'nothing', () => {
          net
            .connect(...wrong)
            .on('error', () => {})
            .destroy();
        });
      }
    },
    accept(socket) {
      // They come at the same time: in any order.
      socket.resume();
    },
  },
  'socket.connect on a hand-made socket': {
    async connect(end) {
      const { port, host } = end;
      class Own extends net.Socket {
        constructor(options) {
          super(options);
          this.own = true;
        }
        connect(...args) {
          end.note('own connect', args.length);
          return super.connect(...args);
        }
      }
      function Old() {
        net.Socket.call(this);
      }
      inherits(Old, net.Socket);
      for (const make of [
        () => new net.Socket(),
        () => net.Socket(),
        () => new net.Stream(),
        () => new Own(),
        () => new Old(),
        () => new net.Socket({ allowHalfOpen: true, signal: new AbortController().signal }),
      ]) {
        const socket = end.watch(make());
        end.note(socket.connecting, socket.pending, socket.readyState, socket.address());
        end.note(socket.connect(port, host) === socket, socket.connecting);
        socket.end('hand-made');
        await closed(socket);
        end.note(socket instanceof net.Socket, socket.constructor.name, socket.own);
      }
      // The same object again, with listeners and settings that stay.
      const again = end.watch(new net.Socket().setNoDelay().setTimeout(10_000).setEncoding('utf8'), { names: false });
      for (let i = 0; i < 3; i++) {
        again.connect({ port, host });
        end.note(again.write(`round ${i}`), again.pending, again.bytesWritten);
        await finish(again, ' is over');
      }
    },
  },
});
