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
/** In ms. Long, for a machine may be slow. */
const PATIENCE = 15_000;

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

/** Whether workers have served the SAN by now as the test wants to see it; `pids`: of each that has. */
type Enough = (pids: ReadonlySet<number>, first: readonly number[]) => boolean;

async function load(
  t: TestContext,
  switching: Switching,
  serverParameters: Readonly<Record<string, unknown>>,
  clientParameters: Readonly<Record<string, unknown>> = {},
  enough: Enough = () => true,
): Promise<Load> {
  const server = start(t, 'cluster-http-server.mjs', { switching, parameters: { workers: 4, ...serverParameters } });
  const { port, pids } = (await server.ready()) as { port: number; pids: number[] };
  const parameters = { host: HOST, port, untilStopped: true, ...clientParameters };
  const running = start(t, 'cluster-load-client.mjs', { switching, parameters });
  const success = running.succeeded(110_000);
  // How soon workers are harmed, and newcomers found, is a matter of the machine: the load goes on until it is seen.
  const seen = (): boolean =>
    server.said('harmed') && running.said('ready') && enough(servedSan(server.routes()), pids);
  while (!running.ended && !seen()) await new Promise((resolve) => setTimeout(resolve, 50));
  server.signal('SIGUSR2');
  running.signal('SIGTERM');
  const client = await success;
  server.signal('SIGTERM');
  return { client, server: await server.finished(), first: pids };
}

const servedSan = (routes: Finished['routes']): Set<number> =>
  new Set(routes.filter(({ carrier }) => carrier === 'san').map(({ pid }) => pid));

/** A port that nobody answered on may have had other connections too: those on the SAN are no more than these. */
function assertLostOnTcp({ routes, log }: Finished): void {
  for (const { port, connections } of log.facts['unanswered'] as { port: number; connections: number }[]) {
    const san = routes.filter(({ carrier, local }) => carrier === 'san' && local?.port === port);
    assert.ok(port > 0 && san.length < connections, `nobody answered on the SAN, from port ${port}`);
  }
}

describe('cluster, an HTTP load while workers come and go', () => {
  const lanes = 6;
  const requests = 50;
  for (const schedule of ['rr', 'none']) {
    for (const harm of ['kill', 'disconnect', 'close']) {
      test(`schedule ${schedule}, ${harm} (D4)`, { skip }, async (t) => {
        const parameters = { schedule, harm: [harm], every: 200 };
        // Several workers, and of those that came later as well; where only servers are closed nobody comes later.
        const enough: Enough = (pids, first) =>
          pids.size >= 2 && (harm === 'close' || [...pids].some((pid) => !first.includes(pid)));
        const { client, server, first } = await load(
          t,
          'require',
          parameters,
          { lanes, requests, patience: PATIENCE },
          enough,
        );
        const { facts } = client.log;
        assert.ok(Number(facts['done']) >= lanes * requests);
        assert.equal(facts['wrong'], 0, 'no wrong byte');
        const onTcp = client.routes.filter(({ carrier }) => carrier === 'tcp');
        const failures = Object.keys(facts['failures'] as object);
        const unfair = failures.filter((code) => !FAIR.has(code) && code !== LOST);
        assert.deepEqual(unfair, [], 'only what TCP would give');
        assertLostOnTcp(client);
        // TCP is for the moments in which nobody is there, or just going.
        for (const { reason } of onTcp) {
          assert.match(String(reason), /^(no-companion|no-listener|link-failed|listener-refused)$/);
        }
        assert.ok(enough(servedSan(server.routes), first), 'several workers have served the SAN, newcomers too');
      });
    }
  }

  for (const schedule of ['rr', 'none']) {
    for (const harm of ['disconnect', 'close']) {
      test(`schedule ${schedule}, ${harm}: whoever asks once on each connection sees nothing of it`, {
        skip,
      }, async (t) => {
        const parameters = { schedule, harm: [harm], every: 200 };
        const { client } = await load(t, 'require', parameters, {
          lanes,
          requests,
          keep: false,
          patience: PATIENCE,
        });
        const { done, wrong, failures } = client.log.facts;
        assert.equal(wrong, 0);
        assert.ok(Number(done) >= lanes * requests);
        assert.deepEqual(
          GRACELESS ? Object.keys(failures as object).filter((code) => !FAIR.has(code)) : failures,
          GRACELESS ? [] : {},
        );
        assert.ok(client.routes.some(({ carrier }) => carrier === 'san'));
      });
    }
  }

  test('the same without the switch: what is fair', async (t) => {
    const { client } = await load(t, 'off', { harm: ['kill'], every: 250 }, { lanes: 4, requests: 30, patience: 1000 });
    assert.equal(client.log.facts['wrong'], 0);
    const failures = Object.keys(client.log.facts['failures'] as object);
    assert.deepEqual(
      failures.filter((code) => !FAIR.has(code) && code !== LOST),
      [],
    );
  });
});
