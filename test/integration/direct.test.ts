// Programs that load the shm provider themselves and speak the SPI, without the switch and without TCP (SP-3, SP-16).
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { AF_SD_SHM } from '../../src/providers/shm/module.js';
import { Proc } from '../faults/support/process.js';

/** A native address that no other run of these tests uses. */
const own = (n: number): string => String(process.pid * 1000 + n);

const start = (context: TestContext, file: string, address: string): Proc =>
  new Proc(context, `../direct/${file}`, { switched: false, probe: false, parameters: { address } });

describe('a provider that is loaded by a program, not by the switch (SP-3)', () => {
  test('carries messages and connect data between two processes, by native addresses', async (context) => {
    const address = own(1);
    const server = start(context, 'server.mjs', address);
    assert.deepEqual(await server.hears('ready'), { own: address });
    const client = start(context, 'client.mjs', address);
    const connected = await client.hears('connected');
    assert.deepEqual(connected, { pending: 'WSAEWOULDBLOCK', code: 'NO_ERROR', data: 'welcome' });
    assert.deepEqual(await client.hears('names'), { own: '', peer: address });
    const nobody = { sa_family: AF_SD_SHM, sin_port: 0, sin_addr: '' };
    assert.deepEqual(await server.hears('accepted'), {
      caller: nobody,
      callee: { ...nobody, sin_addr: address },
      data: 'hello',
      from: nobody,
      own: address,
      peer: '',
    });
    await client.succeeded();
    assert.deepEqual(client.said('heard'), [{ right: true }, { right: true }, { right: true }]);
    await server.hears('closed');
    await server.stopped();
    assert.deepEqual(server.said('cleaned'), [{ result: 0, again: -1 }], 'start and clean-up are paired (SP-11)');
  });

  test('tells that nobody listens at an address', async (context) => {
    const client = start(context, 'client.mjs', own(2));
    const { code } = await client.hears('connected');
    assert.equal(code, 'WSAEADDRNOTAVAIL');
    await client.succeeded();
  });
});
