// Unmodified programs, each as server and client in processes of their own: on TCP, on the SAN, and with the switch on
// one side only. On every route the programs must see the same bytes and, per socket, the same events in the same order.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { writeCertificate } from '../support/certificate.js';
import { assertSameRun, type PairLogs } from '../support/log.js';
import { type Pair, runPair } from '../support/pair.js';
import { plainOnly } from '../support/program.js';
import { assertSan, assertTcp } from '../support/routes.js';

const certificate = writeCertificate();
after(() => rmSync(certificate, { recursive: true, force: true }));

interface Entry extends Pair {
  readonly name: string;
}

const ENTRIES: readonly Entry[] = [
  { name: 'net: blocks of many sizes', server: 'net-echo-server.mjs', client: 'net-echo-client.mjs' },
  { name: 'net: ways to end', server: 'net-close-server.mjs', client: 'net-close-client.mjs' },
  { name: 'net: flow control', server: 'net-flow-server.mjs', client: 'net-flow-client.mjs' },
  { name: 'net: a listener of its own', server: 'listener-server.mjs', client: 'listener-client.mjs' },
  { name: 'net: 500 connections', server: 'many-server.mjs', client: 'many-client.mjs' },
  { name: 'net: AsyncLocalStorage', server: 'context-server.mjs', client: 'context-client.mjs' },
  { name: 'http', server: 'http-server.mjs', client: 'http-client.mjs' },
  { name: 'fetch', server: 'http-server.mjs', client: 'fetch-client.mjs' },
  { name: 'http2 in the clear', server: 'h2-server.mjs', client: 'h2-client.mjs' },
  {
    name: 'STARTTLS on a raw socket',
    server: 'starttls-server.mjs',
    client: 'starttls-client.mjs',
    parameters: { tls: certificate },
  },
  {
    name: 'https',
    server: 'https-server.mjs',
    client: 'https-client.mjs',
    parameters: { tls: certificate },
  },
  {
    name: 'http2 over TLS',
    server: 'h2-server.mjs',
    client: 'h2-client.mjs',
    parameters: { tls: certificate },
  },
  {
    name: 'fetch over TLS',
    server: 'http-server.mjs',
    client: 'fetch-client.mjs',
    parameters: { tls: certificate },
    clientEnv: { NODE_EXTRA_CA_CERTS: join(certificate, 'cert.pem') },
  },
  {
    name: 'TLS clients of many kinds',
    server: 'tls-server.mjs',
    client: 'tls-client.mjs',
    parameters: { tls: certificate },
  },
];

describe('the same program on every route (SW-1, SW-3, TC-17)', { concurrency: 2 }, () => {
  for (const entry of ENTRIES) {
    test(entry.name, async (t) => {
      const baseline = await runPair(entry, 'off');
      // On TCP our code is not in the way of the data, and on a busy machine TCP itself is not always of one mind: a reset
      // may come before what was read, or not at all.
      const assertSameOnTcp = async (
        one: TestContext,
        logs: PairLogs,
        again: () => Promise<{ logs: PairLogs }>,
      ): Promise<void> => {
        try {
          assertSameRun(logs, baseline.logs);
        } catch (difference) {
          one.diagnostic(`TCP differed from itself, once more: ${String(difference)}`);
          assertSameRun((await again()).logs, baseline.logs);
        }
      };
      await t.test('SAN on both sides', { skip: plainOnly }, async () => {
        const { server, client, logs } = await runPair(entry, 'require');
        assertSameRun(logs, baseline.logs);
        assertSan(client.routes, 'client');
        assertSan(server.routes, 'server');
      });
      await t.test('switch only in the server', { skip: plainOnly }, async (one) => {
        const again = (): ReturnType<typeof runPair> => runPair(entry, 'require', 'off');
        const { server, logs } = await again();
        await assertSameOnTcp(one, logs, again);
        assertTcp(server.routes, 'peer-used-tcp', 'server');
      });
      await t.test('switch only in the client', { skip: plainOnly }, async (one) => {
        const again = (): ReturnType<typeof runPair> => runPair(entry, 'off', 'require');
        const { client, logs } = await again();
        await assertSameOnTcp(one, logs, again);
        assertTcp(client.routes, 'no-companion', 'client');
      });
    });
  }
});
