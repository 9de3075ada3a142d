// What a program that keeps its closed sockets keeps with them.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { close, listen, useMemorySwitch } from './support/both.js';

const bench = useMemorySwitch();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('a closed socket knows its route, and does not keep its session in memory', async () => {
  const kept: Socket[] = [];
  const server = createServer((socket) => {
    kept.push(socket);
    socket.end('hello').resume();
  });
  const port = await listen(server);
  const socket = connect(port, '127.0.0.1');
  kept.push(socket);
  socket.resume();
  await once(socket, 'close');
  await close(server);
  assert.equal(kept.length, 2);
  for (const each of kept) assert.equal(bench.net.routes.routeOf(each)?.carrier, 'san', 'also after the end');
  const sessions = bench.san.sessions.splice(0).map((session) => new WeakRef(session));
  assert.equal(sessions.length, 2);
  const alive = (): number => sessions.filter((session) => session.deref() !== undefined).length;
  for (let i = 0; i < 100 && alive() > 0; i++) {
    await turn();
    collect();
  }
  assert.equal(alive(), 0, 'nothing holds the sessions');
  assert.equal(kept.length, 2, 'while the sockets are still there');
});
