// Run with --pending-deprecation and --inspect: nothing is said that is not said on TCP, and the inspector is as it was.
import http from 'node:http';
import inspector from 'node:inspector';
import net from 'node:net';
import record from '../lib/record.cjs';
import { runCases } from './lib/cases.mjs';

const warnings = [];
// Not printed, but kept: of what is pending by now, too.
process.removeAllListeners('warning');
process.on('warning', ({ name, code }) => warnings.push([name, code ?? null]));

const exchange = async (end) => {
  const socket = end.connect();
  socket.end('hello');
  await record.until(socket, 'close');
};
const echo = {
  server: { allowHalfOpen: true },
  accept(socket) {
    socket.on('error', () => {}).pipe(socket);
  },
};
const get = async (url) => {
  const response = await record.until(http.get(url, { agent: false }), 'response');
  return JSON.parse(Buffer.concat(await response.toArray()).toString());
};

/** The inspector's own port, as if it were the listener of the case. */
const inspected = () => {
  const port = Number(new URL(inspector.url()).port);
  return { listening: true, address: () => ({ port }), close() {} };
};

await runCases(
  {
    '--pending-deprecation': {
      ...echo,
      async connect(end) {
        await exchange(end);
        end.note(process.noDeprecation ?? null, Object.hasOwn(process, 'noDeprecation'), warnings.slice());
        // The program's own use of what is deprecated is still told.
        process.binding('tcp_wrap');
        await new Promise(setImmediate);
        end.note(warnings.slice());
      },
    },
    '--inspect': {
      serve: inspected,
      async connect(end) {
        const base = `http://${end.host}:${end.port}`;
        end.note(Object.keys(await get(`${base}/json/version`)));
        const [target] = await get(`${base}/json/list`);
        end.note(target.type, Object.keys(target).sort());
        // (A debugger that attaches would be announced on stderr.)
        end.note(new URL(target.webSocketDebuggerUrl).port === String(end.port));
      },
    },
    'inspector.Session': {
      ...echo,
      async connect(end) {
        const session = new inspector.Session();
        session.connect();
        const post = (method, params) =>
          new Promise((resolve) => {
            session.post(method, params, (error, result) => resolve(error ?? result));
          });
        await post('Profiler.enable');
        await post('Profiler.start');
        await post('Runtime.enable');
        await post('HeapProfiler.enable');
        await exchange(end);
        const { profile } = await post('Profiler.stop');
        end.note(profile.nodes.length > 0);
        end.note((await post('Runtime.evaluate', { expression: 'typeof process' })).result.value);
        await post('HeapProfiler.collectGarbage');
        await exchange(end);
        session.disconnect();
      },
    },
    'inspector.open': {
      ...echo,
      async connect(end) {
        // It is open already; it is closed, and opened again, with a connection there.
        const socket = net.connect(end.target);
        await record.until(socket, 'connect');
        inspector.close();
        end.note(inspector.url() ?? null);
        inspector.open(0, end.host);
        end.note(new URL(inspector.url()).protocol);
        inspector.close();
        end.watch(socket, { names: false }).end('still here');
        await record.until(socket, 'close');
      },
    },
  },
  { together: false },
);
