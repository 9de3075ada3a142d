// The client of socket-io-server.mjs: by polling alone, by WebSocket alone, and with the upgrade between them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Manager } from 'socket.io-client';
import record from '../../programs/lib/record.cjs';

const base = `http://127.0.0.1:${record.parameters().port}`;

const talk = async (name, transports) => {
  const manager = new Manager(base, { transports, forceNew: true, reconnection: false });
  const socket = manager.socket('/');
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  if (transports.length > 1 && manager.engine.transport.name === 'polling') {
    await new Promise((resolve) => manager.engine.once('upgrade', resolve));
  }
  record.fact(`${name} transport`, manager.engine.transport.name);
  for (const size of [0, 1, 1000, 70000, 2000000]) {
    const data = record.bytes(size, size);
    const back = await socket.emitWithAck('echo', { size, data, text: '\u20ac'.repeat(100) });
    assert.deepEqual([back.size, back.text.length, data.equals(back.data)], [size, 100, true]);
  }
  const drops = [];
  const all = new Promise((resolve) => {
    socket.on('drop', (i, data) => {
      drops.push(i);
      assert.ok(data.every((byte) => byte === i % 256));
      if (drops.length === 1000) resolve();
    });
  });
  socket.emit('flood', 1000);
  await all;
  assert.ok(
    drops.every((drop, i) => drop === i),
    'in order',
  );
  record.fact(`${name} rooms`, await socket.emitWithAck('join', 'kitchen'));
  const told = once(socket, 'told');
  socket.emit('tell', 'kitchen', 'dinner');
  record.fact(`${name} told`, await told);

  const guarded = manager.socket('/guarded', { auth: { word: 'now' } });
  const [error] = await new Promise((resolve) => guarded.once('connect_error', (...args) => resolve(args)));
  record.fact(`${name} guarded`, error.message);
  guarded.auth = { word: 'please' };
  guarded.connect();
  await once(guarded, 'connect');
  const gone = once(socket, 'disconnect');
  guarded.disconnect();
  socket.disconnect();
  record.fact(`${name} gone`, (await gone)[0]);
};

await talk('polling', ['polling']);
await talk('websocket', ['websocket']);
await talk('upgrade', ['polling', 'websocket']);
