// Several processes behind one listening socket (D4): workers that come and go under load, that are stopped, and listening
// sockets that are passed on. docs/design/cluster.md says what is to be seen.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Finished, plainOnly, Program, type StartOptions, type Switching } from '../support/program.js';
import { assertSan, assertTcp } from '../support/routes.js';

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
  const lanes = 8;
  const requests = 100;
  for (const schedule of ['rr', 'none']) {
    for (const harm of ['kill', 'disconnect', 'close']) {
      test(`schedule ${schedule}, ${harm} (D4)`, { skip }, async (t) => {
        const parameters = { schedule, harm: [harm], every: 200 };
        const { client, server, first } = await load(t, 'require', parameters, { lanes, requests, patience: 3000 });
        const { facts } = client.log;
        assert.equal(facts['done'], lanes * requests);
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
          requests: 60,
          keep: false,
          patience: 20_000,
        });
        const { done, wrong, failures } = client.log.facts;
        assert.deepEqual({ done, wrong, failures }, { done: lanes * 60, wrong: 0, failures: {} });
        assert.ok(client.routes.some(({ carrier }) => carrier === 'san'));
        assert.ok(Number(server.log.facts['harmed']) > 0);
      });
    }
  }

  test('the same without the switch: what is fair', async (t) => {
    const { client } = await load(t, 'off', { harm: ['kill'], every: 250 }, { lanes: 4, requests: 60 });
    assert.deepEqual([client.log.facts['done'], client.log.facts['wrong']], [240, 0]);
    const failures = Object.keys(client.log.facts['failures'] as object);
    assert.deepEqual(
      failures.filter((code) => !FAIR.has(code) && code !== LOST),
      [],
    );
  });
});

describe('cluster, a worker that is stopped', () => {
  for (const schedule of ['rr', 'none']) {
    test(`schedule ${schedule}: others are asked, and the SAN is kept (D12)`, { skip }, async (t) => {
      const parameters = { workers: 3, schedule, every: 0 };
      const server = start(t, 'cluster-http-server.mjs', { switching: 'require', parameters });
      const { port, pids } = (await server.ready()) as { port: number; pids: number[] };
      const stopped = pids[1] ?? 0;
      process.kill(stopped, 'SIGSTOP');
      const client = await start(t, 'cluster-load-client.mjs', {
        switching: 'require',
        parameters: { host: HOST, port, lanes: 2, requests: 10, patience: 60_000 },
        env: { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '500' },
      }).succeeded(110_000);
      const { facts } = client.log;
      assert.deepEqual([facts['done'], facts['wrong'], facts['failures']], [20, 0, {}]);
      assert.ok(!(facts['workers'] as number[]).includes(stopped));
      assertSan(client.routes, 'client');
    });
  }
});

describe('a worker that is full', () => {
  test('gives connections to others, and to TCP when all are (maxConnections)', { skip }, async (t) => {
    const server = start(t, 'cluster-full-server.mjs', { switching: 'require' });
    const parameters = { host: HOST, ...(await server.ready()) };
    const client = await start(t, 'cluster-full-client.mjs', { switching: 'require', parameters }).succeeded();
    const plain = start(t, 'cluster-full-server.mjs', {});
    const baseline = await start(t, 'cluster-full-client.mjs', {
      parameters: { host: HOST, ...(await plain.ready()) },
    }).succeeded();
    assert.deepEqual(client.log.facts, baseline.log.facts);
    assert.deepEqual(client.log.facts['served at once'], [2, 2]);
    assert.equal(client.routes.filter(({ carrier }) => carrier === 'san').length, 4);
    assertTcp(client.routes.slice(4), 'listener-busy', 'the fifth');
    await Promise.all([server.stopped(), plain.stopped()]);
  });
});

describe('a listening socket that is passed on (DUP-34)', () => {
  for (const how of ['server', 'handle', 'fd']) {
    for (const plain of [false, true]) {
      test(`${how}, to a process ${plain ? 'without' : 'with'} the switch`, { skip }, async (t) => {
        const server = start(t, 'pass-listener-server.mjs', { switching: 'require', parameters: { how, plain } });
        const { port, sender, receiver } = await server.ready();
        const ask = (): Promise<Finished> => {
          const parameters = { host: HOST, port, times: 8 };
          return start(t, 'who-client.mjs', { switching: 'require', parameters }).succeeded();
        };
        const both = await ask();
        assertSan(both.routes, 'while both have it');
        const shares = { [String(sender)]: plain ? 8 : 4, ...(plain ? {} : { [String(receiver)]: 4 }) };
        assert.deepEqual(both.log.facts['served'], shares);
        server.signal('SIGUSR2');
        await server.says('closed');
        const one = await ask();
        assert.deepEqual(one.log.facts['served'], { [String(receiver)]: 8 }, 'the receiver goes on');
        if (plain) assertTcp(one.routes, 'no-companion', 'when only the receiver has it');
        else assertSan(one.routes, 'when only the receiver has it');
        await server.stopped();
      });
    }
  }
});
