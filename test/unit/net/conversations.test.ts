// The same conversations on TCP and on the hybrid handle: both sides must see the same events in the same order.
import { strict as assert } from 'node:assert';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { InstalledNet } from '../../../src/net/index.js';
import { type Conversation, converse } from './support/conversation.js';
import { conversations } from './support/conversation-list.js';
import { installMemorySwitch, type MemorySwitch } from './support/memory-switch.js';

let san: MemorySwitch;
let net: InstalledNet;
before(() => {
  ({ san, net } = installMemorySwitch());
});
after(() => {
  assert.deepEqual(san.misuse(), []);
  assert.equal(san.held, 0, 'holds are balanced');
  assert.deepEqual([...net.routes.live()], [], 'no live connection is left on the list');
  net.restore();
});

/** Carriers that the sockets of the last conversation used. */
let carriers: string[] = [];

function same(name: string, conversation: Conversation, options: { window?: number } = {}): void {
  test(name, async () => {
    const seen = (socket: Socket): void => {
      carriers.push(net.routes.routeOf(socket)?.carrier ?? 'none');
    };
    const watched: Conversation = {
      ...conversation,
      onServer(socket, log, server) {
        seen(socket);
        return conversation.onServer(socket, log, server);
      },
      onClient(socket, log) {
        socket.once('connect', () => seen(socket));
        return conversation.onClient(socket, log);
      },
    };
    san.window = options.window ?? 65536;
    san.enabled = false;
    carriers = [];
    const tcp = await converse(watched);
    assert.deepEqual(carriers, ['tcp', 'tcp']);
    san.enabled = true;
    carriers = [];
    const fast = await converse(watched);
    assert.deepEqual(carriers, ['san', 'san']);
    assert.deepEqual(fast, tcp);
  });
}

describe('conversations', () => conversations(same));
