// Several processes behind one listening socket (D4, DUP-34): workers that are stopped or full, and listening sockets that
// are passed on. docs/design/cluster.md says what is to be seen.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Finished, plainOnly, Program, type StartOptions } from '../support/program.js';
import { assertSan, assertTcp } from '../support/routes.js';

const skip = plainOnly;
const HOST = '127.0.0.1';

function start(t: TestContext, file: string, options: StartOptions): Program {
  const program = new Program(file, options);
  t.after(() => program.kill());
  return program;
}

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
        // As long as the others may need on a loaded machine; the stopped one costs as much, once.
        env: { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '3000' },
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
