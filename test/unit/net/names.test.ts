// The names that go with a connection's message to another process.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { addNames, findNames } from '../../../src/net/handle-names.js';
import { AF_INET, AF_INET6, makeSockaddr } from '../../../src/spi/index.js';

const names = {
  local: makeSockaddr(AF_INET, '127.0.0.1', 80),
  remote: makeSockaddr(AF_INET6, 'fe80::1', 65535, 3),
};
const message = '{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"a":"]}"}}\n';

test('what goes with a handle stays what it was for who does not look, and says who is at both ends', () => {
  const text = addNames(message, names);
  assert.ok(typeof text === 'string' && text.endsWith('\n'));
  const { 'sockets-direct': list, ...rest } = JSON.parse(text) as Record<string, unknown>;
  assert.ok(Array.isArray(list));
  assert.deepEqual(rest, JSON.parse(message));
  assert.deepEqual(findNames(Buffer.from(`{"other":1}\n${text}`)), names);
});

test('other messages are left alone, and nonsense is no name', () => {
  for (const other of ['{"a":1}\n', Buffer.from(message), null]) assert.equal(addNames(other, names), other);
  for (const text of [
    message,
    '{"sockets-direct":[],"cmd":"NODE_HANDLE"}',
    '{"sockets-direct":[2,"a",1,0,2,"b",-1,0],"cmd":"NODE_HANDLE"}',
    '{"sockets-direct":[7,"a",1,0,2,"b",1,0],"cmd":"NODE_HANDLE"}',
    '{"sockets-direct":[2,"a",1,0,2,"b",],"cmd":"NODE_HANDLE"}',
    JSON.stringify({ text: '{"sockets-direct":[2,"a",1,0,2,"b",1,0],"cmd":"NODE_HANDLE"}' }),
  ]) {
    assert.equal(findNames(Buffer.from(text)), null, text);
  }
});
