import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hasSubscribers, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, test } from 'node:test';
import { Counters, channels, formatEndpoint, startLog } from '../../../src/observe/index.js';

const local = { address: '127.0.0.1', port: 40000 };
const remote = { address: '::1', port: 80 };

const own = { copying: null, locked: false };

function publishOneOfEach(): void {
  channels.route.publish({
    ...{ id: 7, side: 'connect', carrier: 'tcp', provider: null, reason: 'no-companion', local, remote },
  });
  channels.route.publish({ id: 8, side: 'accept', carrier: 'san', provider: 'shm', reason: null, local: null, remote });
  channels.link.publish({ event: 'open', link: 1, provider: 'shm', peerPid: 5, peerUid: 0, error: null, ...own });
  channels.link.publish({
    ...{ event: 'open', link: 2, provider: 'shm', peerPid: 5, peerUid: 0, error: null, locked: true },
    copying: 'the system does not permit it',
  });
  channels.link.publish({
    event: 'close',
    link: 1,
    provider: 'shm',
    peerPid: 5,
    peerUid: 0,
    error: 'bad record',
    ...own,
  });
  channels.listener.publish({ event: 'tcp', id: 2, local: remote, provider: null, reason: 'excluded' });
  channels.error.publish({ component: 'shm', code: 'EMFILE', message: 'no descriptor left' });
}

const LINES = [
  'route connect #7 127.0.0.1:40000 > [::1]:80 tcp (no-companion)',
  'route accept #8 - > [::1]:80 shm',
  'link open shm#1 pid 5 uid 0',
  'link open shm#2 pid 5 uid 0: data are copied twice: the system does not permit it',
  'link close shm#1 pid 5 uid 0: bad record',
  'listener tcp #2 [::1]:80 tcp (excluded)',
  'error shm EMFILE: no descriptor left',
];

describe('channels', () => {
  test('carry the names that the documentation promises', () => {
    assert.deepEqual(
      Object.values(channels).map(({ name }) => name),
      ['sockets-direct:route', 'sockets-direct:link', 'sockets-direct:listener', 'sockets-direct:error'],
    );
  });

  test('reach whoever subscribes by name', () => {
    const seen: unknown[] = [];
    const listener = (message: unknown): unknown => seen.push(message);
    subscribe('sockets-direct:error', listener);
    assert.equal(channels.error.hasSubscribers, true);
    publishOneOfEach();
    unsubscribe('sockets-direct:error', listener);
    publishOneOfEach();
    assert.deepEqual(seen, [{ component: 'shm', code: 'EMFILE', message: 'no descriptor left' }]);
  });
});

describe('the debug log', () => {
  const shown = { off: [], error: [6], info: [2, 3, 4, 5, 6], debug: [0, 1, 2, 3, 4, 5, 6] } as const;
  for (const level of ['off', 'error', 'info', 'debug'] as const) {
    test(`at level ${level} shows ${shown[level].length} of ${LINES.length} events`, () => {
      const lines: string[] = [];
      const stop = startLog(level, (line) => lines.push(line));
      publishOneOfEach();
      stop();
      publishOneOfEach();
      assert.deepEqual(
        lines,
        shown[level].map((index) => LINES[index]),
      );
      for (const { name } of Object.values(channels)) assert.equal(hasSubscribers(name), false);
    });
  }

  const script = `
    import { channels, startLog } from ${JSON.stringify(new URL('../../../src/observe/index.js', import.meta.url).href)};
    startLog(process.argv[1]);
    channels.error.publish({ component: 'shm', code: 'X', message: 'seen' });
    console.log('done');`;
  function logOf(level: string, nodeDebug: string): string {
    const env = { ...process.env, NODE_DEBUG: nodeDebug, NODE_OPTIONS: '' };
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, level], { env, encoding: 'utf8' });
    assert.equal(child.stdout, 'done\n');
    return child.stderr;
  }

  test('writes nothing unless asked', () => {
    assert.equal(logOf('off', ''), '');
    assert.equal(logOf('off', 'sockets-direct-else'), '');
  });

  test('writes to stderr by the setting', () => {
    assert.match(logOf('error', ''), /^SOCKETS-DIRECT \d+\/0: error shm X: seen\n$/);
  });

  test('writes to stderr by NODE_DEBUG', () => {
    assert.match(logOf('off', 'sockets-direct'), /^SOCKETS-DIRECT \d+\/0: error shm X: seen\n$/);
  });

  test('names endpoints as URLs do', () => {
    assert.equal(formatEndpoint(local), '127.0.0.1:40000');
    assert.equal(formatEndpoint({ address: 'fe80::1%eth0', port: 1 }), '[fe80::1%eth0]:1');
    assert.equal(formatEndpoint(null), '-');
  });
});

test('counters add up over open and closed connections', () => {
  const counters = new Counters();
  counters.sanOpened();
  counters.sanOpened();
  counters.sanClosed(10, 20);
  counters.tcpOpened('no-companion');
  counters.tcpOpened('no-companion');
  counters.tcpOpened('excluded');
  counters.linkOpened();
  counters.linkOpened();
  counters.linkClosed(true);
  assert.deepEqual(counters.stats({ read: 1, written: 2 }, null), {
    connections: {
      san: { opened: 2, open: 1 },
      tcp: { opened: 3, byReason: { 'no-companion': 2, excluded: 1 } },
    },
    bytes: { read: 11, written: 22 },
    links: { opened: 2, open: 1, lost: 1 },
    loop: null,
    memory: null,
  });
});
