/**
 * What the switch costs a client whose peer has none: the time from `net.connect()` to 'connect', on a server that runs
 * without the switch. Column `tcp`: a client without it; column `san`: a client with it, whose connections must all
 * have ended up on TCP. Ten per cent is less than a virtual machine drifts within a second, so both clients live side
 * by side and take turns of a few milliseconds. Both have made connections of either kind before, so that what is
 * measured is compiled.
 */
import { once } from 'node:events';
import net from 'node:net';
import { ADAPTERS } from '../adapters.mjs';
import { Histogram } from '../histogram.mjs';
import { Child } from '../rig.mjs';
import { ignoreReset, latency, PROVE_EVERY } from './common.mjs';

/** @type {import('./index.mjs').Scenario} */
export const fallbackConnect = {
  id: 'fallback-connect',
  rows: [
    {
      name: 'fallback-connect',
      title: 'connect to a peer without the switch, p50',
      unit: 'µs',
      better: 'lower',
      value: (run) => run.steady.p50,
    },
  ],
  adapters: ['tcp', 'san'],
  timekeeper: 'client',
  params: {
    full: { listeners: 300, warm: 1500, turns: 150, perTurn: 20 },
    quick: { listeners: 150, warm: 1000, turns: 60, perTurn: 20 },
    smoke: { listeners: 5, warm: 5, turns: 2, perTurn: 5 },
  },
  runs: { quick: 5 },
  orchestrate,

  /** Listener 0 is the one that is known; each of the others is connected to once by each client, `warm` of them before. */
  async server(context) {
    /** @type {number[]} */
    const ports = [];
    const { listeners, warm } = context.params;
    for (let n = 0; n <= listeners + warm; n++) {
      const server = net.createServer((socket) => {
        socket.on('data', (chunk) => socket.end(chunk));
        socket.on('error', ignoreReset);
      });
      server.listen({ host: '127.0.0.1', port: 0 });
      await once(server, 'listening');
      ports.push(/** @type {net.AddressInfo} */ (server.address()).port);
    }
    context.ready({ ports });
  },

  client(context) {
    const histograms = { warm: new Histogram(), first: new Histogram(), steady: new Histogram() };
    const cycle = new Histogram();
    let veryFirst = 0;
    let made = 0;

    context.on('command', async ({ kind, ports }) => {
      if (kind === 'report') {
        const { first, steady } = histograms;
        context.reply({
          steady: latency(context, steady),
          first: latency(context, first),
          cycle: latency(context, cycle),
          veryFirst: Number((veryFirst / 1000).toPrecision(5)),
        });
        return;
      }
      for (const port of ports) {
        const times = await one(context, port, made++ % PROVE_EVERY === 0);
        histograms[kind].record(times.connected);
        if (veryFirst === 0) veryFirst = times.connected;
        if (kind === 'steady') cycle.record(times.closed);
      }
      context.reply(null);
    });
  },
};

/** One connection: ns from the call to 'connect' and to 'close'. */
function one(context, port, prove) {
  return new Promise((resolve) => {
    const start = performance.now();
    let connected = 0;
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('connect', () => {
      connected = performance.now() - start;
      socket.write('x');
    });
    socket.on('data', () => {
      if (prove) context.prove(socket);
    });
    socket.on('close', () => resolve({ connected: connected * 1e6, closed: (performance.now() - start) * 1e6 }));
  });
}

/** One run: a plain server, both clients in turn. @returns {Promise<Record<string, any>>} a record per adapter */
async function orchestrate(params, names) {
  const server = new Child({ scenario: 'fallback-connect', role: 'server', adapter: ADAPTERS.tcp, params });
  const clients = names.map((name) => ({
    name,
    child: new Child({
      scenario: 'fallback-connect',
      role: 'client',
      adapter: ADAPTERS[name],
      params: { ...params, expectTcp: true },
    }),
  }));
  const command = async (client, content) => {
    client.child.send({ type: 'command', command: content });
    return (await client.child.message('reply')).result;
  };
  try {
    const [{ address }] = await Promise.all([server.message('ready'), ...clients.map((c) => c.child.message('ready'))]);
    for (const client of clients) client.child.send({ type: 'go', target: address });
    const [known, ...others] = address.ports;
    const fresh = others.slice(0, params.listeners);
    let order = clients;
    const turn = async (kind, ports) => {
      for (const client of order) await command(client, { kind, ports });
      order = [...order].reverse();
    };
    await turn('warm', others.slice(params.listeners));
    await turn('warm', Array(params.warm).fill(known));
    for (let n = 0; n < fresh.length; n += 5) await turn('first', fresh.slice(n, n + 5));
    for (let n = 0; n < params.turns; n++) await turn('steady', Array(params.perTurn).fill(known));
    const records = {};
    for (const client of clients) records[client.name] = await command(client, { kind: 'report' });
    return records;
  } finally {
    // The server first: its side keeps the TIME_WAIT.
    await server.kill();
    await Promise.all(clients.map((client) => client.child.kill()));
  }
}
