// A cluster under an HTTP load while its workers come and go (D4; docs/design/cluster.md). `npm run soak:cluster` does the
// same for longer.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Finished, plainOnly, Program, type StartOptions, type Switching } from '../support/program.js';

const skip = plainOnly;
const HOST = '127.0.0.1';

/** What a program may see when its server's process is killed. TCP gives them as well. */
const FAIR = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE']);
/** A connection that the primary had given to a worker which died before it took it: it hangs, but only on TCP. */
const LOST = 'NO_ANSWER';

function start(t: TestContext, file: string, options: StartOptions): Program {
  const program = new Program(file, options);
  t.after(() => program.kill());
  return program;
}

/** Since Node 26 an HTTP server that closes also closes connections whose first request has not come yet, on TCP as well. */
const GRACELESS = Number(process.versions.node.split('.', 1)) >= 26;

interface Load {
  readonly server: Finished;
  readonly client: Finished;
  readonly first: readonly number[];
}

async function load(
  t: TestContext,
  switching: Switching,
  serverParameters: Readonly<Record<string, unknown>>,
  clientParameters: Readonly<Record<string, unknown>> = {},
): Promise<Load> {
  const server = start(t, 'cluster-http-server.mjs', { switching, parameters: { workers: 4, ...serverParameters } });
  const { port, pids } = (await server.ready()) as { port: number; pids: number[] };
  const parameters = { host: HOST, port, ...clientParameters };
  const client = await start(t, 'cluster-load-client.mjs', { switching, parameters }).succeeded(110_000);
  server.signal('SIGTERM');
  return { client, server: await server.finished(), first: pids };
}

describe('cluster, an HTTP load while workers come and go', () => {
  const lanes = 6;
  const requests = 50;
  for (const schedule of ['rr', 'none']) {
    for (const harm of ['kill', 'disconnect', 'close']) {
      test(`schedule ${schedule}, ${harm} (D4)`, { skip }, async (t) => {
        const parameters = { schedule, harm: [harm], every: 200 };
        // A closed server's worker goes on serving what it has: nobody comes later.
        const meet = harm === 'close' ? 0 : 7;
        const { client, server, first } = await load(t, 'require', parameters, {
          lanes,
          requests,
          meet,
          patience: 3000,
        });
        const { facts } = client.log;
        assert.ok(Number(facts['done']) >= lanes * requests);
        assert.equal(facts['wrong'], 0, 'no wrong byte');
        const onTcp = client.routes.filter(({ carrier }) => carrier === 'tcp');
        const failures = Object.keys(facts['failures'] as object);
        const unfair = failures.filter((code) => !FAIR.has(code) && !(code === LOST && onTcp.length > 0));
        assert.deepEqual(unfair, [], 'only what TCP would give');
        // TCP is for the moments in which nobody is there, or just going.
        for (const { reason } of onTcp) {
          assert.match(String(reason), /^(no-companion|no-listener|link-failed|listener-refused)$/);
        }
        const served = new Set(server.routes.filter(({ carrier }) => carrier === 'san').map(({ pid }) => pid));
        assert.ok(served.size >= 2, 'several workers have served the SAN');
        assert.ok(Number(server.log.facts['harmed']) > 0);
        if (harm !== 'close')
          assert.ok(
            [...served].some((pid) => !first.includes(pid)),
            'so have those that came later',
          );
      });
    }
  }

  for (const schedule of ['rr', 'none']) {
    for (const harm of ['disconnect', 'close']) {
      test(`schedule ${schedule}, ${harm}: whoever asks once on each connection sees nothing of it`, {
        skip,
      }, async (t) => {
        const parameters = { schedule, harm: [harm], every: 200 };
        const { client, server } = await load(t, 'require', parameters, {
          lanes,
          requests,
          keep: false,
          patience: 20_000,
        });
        const { done, wrong, failures } = client.log.facts;
        assert.deepEqual([done, wrong], [lanes * requests, 0]);
        assert.deepEqual(
          GRACELESS ? Object.keys(failures as object).filter((code) => !FAIR.has(code)) : failures,
          GRACELESS ? [] : {},
        );
        assert.ok(client.routes.some(({ carrier }) => carrier === 'san'));
        assert.ok(Number(server.log.facts['harmed']) > 0);
      });
    }
  }

  test('the same without the switch: what is fair', async (t) => {
    const { client } = await load(t, 'off', { harm: ['kill'], every: 250 }, { lanes: 4, requests: 30, patience: 1000 });
    assert.deepEqual([client.log.facts['done'], client.log.facts['wrong']], [120, 0]);
    const failures = Object.keys(client.log.facts['failures'] as object);
    assert.deepEqual(
      failures.filter((code) => !FAIR.has(code) && code !== LOST),
      [],
    );
  });
});
