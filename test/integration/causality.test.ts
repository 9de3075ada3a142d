// What comes before what, where a peer sees what a program has done and answers on another connection (D1, D12, CLOSE-1).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pair, runPair } from '../support/pair.js';
import { plainOnly, Program, type Switching } from '../support/program.js';
import { assertSan } from '../support/routes.js';

const compare = (name: string, pair: Pair, expected: object): void => {
  const facts = async (switching: 'off' | 'require'): Promise<object> => {
    const { server, client } = await runPair(pair, switching);
    if (switching === 'require') assertSan(server.routes, 'server');
    return { ...client.log.facts, ...server.log.facts };
  };
  test(name, async (t) => {
    assert.deepEqual(await facts('off'), expected);
    await t.test('on the SAN', { skip: plainOnly }, async () => {
      assert.deepEqual(await facts('require'), expected);
    });
  });
};

/** Three to twenty-two of them were turned away when the FIN was ahead of what the server knew. */
const TIMES = 2000;

compare(
  'a server with room for one serves who comes as soon as the one before has gone',
  { server: 'turnstile-server.mjs', client: 'turnstile-client.mjs', clientParameters: { times: TIMES } },
  { welcome: TIMES, 'served and dropped': [TIMES, 0] },
);

compare(
  'a server that is asked has heard of what came before the question',
  { server: 'causality-server.mjs', client: 'causality-client.mjs', clientParameters: { times: 200 } },
  { asked: true, missed: { direct: 0, immediate: 0, timer: 0, reset: 0 } },
);

test('who has heard of its connection has one, whatever becomes of it (D12)', async (t) => {
  const visit = async (switching: Switching): Promise<void> => {
    const server = new Program('visitors-server.mjs', { switching });
    t.after(() => server.kill());
    const client = new Program('killed-client.mjs', { switching, parameters: await server.ready() });
    t.after(() => client.kill());
    assert.equal((await client.finished()).signal, 'SIGKILL');
    await server.says('came');
    await server.says('went');
    const { routes } = await server.stopped();
    if (switching !== 'off') assertSan(routes, 'server');
  };
  await visit('off');
  await t.test('on the SAN', { skip: plainOnly }, () => visit('require'));
});
