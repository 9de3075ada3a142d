// A connection goes to another process while data flows both ways.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertWhole, gone, start, TOTAL } from './support/handing.js';
import { Proc } from './support/process.js';

describe('a connection under load in both directions goes to another process (DUP-1, DUP-7, DUP-8, DUP-28, DUP-29, DUP-30)', () => {
  for (const connects of [false, true]) {
    for (const after of [undefined, 'exit', 'kill']) {
      const how = after === undefined ? 'stays' : after === 'exit' ? 'exits afterwards' : 'is killed afterwards';
      test(`the owner ${connects ? 'connected' : 'accepted'}, and ${how}`, async (t) => {
        const { handing, remote } = await start(t, { after }, {}, connects);
        const on = await handing.hears('on');
        assert.equal(on['route'], 'san');
        assert.equal(on['peerPid'], remote.pid);
        const { sin_port: remotePort } = on['remote'] as { sin_port: number };
        const { sin_port: localPort } = on['local'] as { sin_port: number };
        assert.equal(on['shown'], remotePort);
        const { port, local } = await handing.hears('taken');
        assert.deepEqual([port, local], [remotePort, localPort], 'the names are right from the beginning');
        assertWhole(await gone(remote));
        assert.deepEqual((await handing.hears('closed'))['events'], ['end']);
        await remote.succeeded();
        if (after === undefined) await handing.succeeded();
        else assert.equal((await handing.finished()).signal, after === 'kill' ? 'SIGKILL' : null);
      });
    }
  }

  for (const way of ['pull', 'push', 'copy']) {
    test(`large writes, by ${way} (DUP-5, DUP-12, DUP-13, DUP-14)`, async (t) => {
      const { handing, remote } = await start(t, { after: 'kill' }, { chunk: 1_000_000, total: 60_000_000 }, false, {
        SOCKETS_DIRECT_TRANSFER: way,
      });
      assert.equal((await handing.hears('on'))['route'], 'san');
      assertWhole(await gone(remote), 60_000_000);
    });
  }

  test('from the child to its parent', async (t) => {
    const { handing, remote } = await start(t, { up: true });
    assert.equal((await handing.hears('on'))['route'], 'san');
    assertWhole(await gone(remote));
  });

  test('a receiver without the switch gets a relay (DUP-3)', async (t) => {
    const { handing, remote } = await start(t, { plain: true });
    assertWhole(await gone(remote));
    assert.equal((await handing.hears('taken'))['route'], null);
    assert.deepEqual(handing.said('on'), []);
    await handing.succeeded();
  });

  test('one whose switch is turned off as well', async (t) => {
    const handing = new Proc(t, 'handing.mjs', { parameters: { kidEnv: { SOCKETS_DIRECT: '0' } } });
    const remote = new Proc(t, 'handed.mjs', { parameters: { total: TOTAL, port: await handing.port() } });
    assertWhole(await gone(remote));
    await handing.succeeded();
  });
});

describe('what the program has done with it before (DUP-30)', () => {
  test('received and not read it', async (t) => {
    const { handing, remote } = await start(t, { prepare: 'unread', after: 'kill' });
    assert.equal((await handing.hears('on'))['route'], 'san');
    assertWhole(await gone(remote));
  });

  test('shut its own half', async (t) => {
    const { handing, remote } = await start(t, { prepare: 'half' }, { plainText: true });
    assert.equal((await handing.hears('on'))['route'], 'san');
    assert.deepEqual(remote.said('text').at(0), { text: 'bye' });
    await handing.hears('closed');
    const end = await gone(remote);
    assert.deepEqual([end.events, end.written], [['end'], TOTAL]);
  });

  test('written more than the other end takes (DUP-16)', async (t) => {
    const { handing, remote } = await start(t, { prepare: 'pending' }, { late: 700, total: 0, own: true });
    assert.equal((await handing.hears('on'))['route'], 'san');
    await remote.hears('met');
    const { error } = await handing.hears('written');
    assert.equal(error, null);
    remote.kill();
    await handing.hears('closed');
  });
});
