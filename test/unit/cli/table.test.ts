import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Isolate } from '../../../src/cli/isolates.js';
import { formatBytes, formatTable, sanitize } from '../../../src/cli/table.js';
import {
  sampleConnection,
  sampleListener,
  sampleProvider,
  sampleSnapshot,
  sampleTcpConnection,
} from '../observe/sample.js';

function isolate(fields: Partial<Isolate> = {}): Isolate {
  return { ...sampleSnapshot({ pid: 4711, program: '/srv/api/server.js' }), uid: 0, verified: true, ...fields };
}

const everything = { connections: true, listeners: true, idle: true };

describe('the table', () => {
  test('has aligned columns', () => {
    const isolates = [
      isolate({
        listeners: [sampleListener()],
        connections: [
          sampleConnection({ local: { address: '::1', port: 1 }, bytesRead: 5, bytesWritten: 123_456_789 }),
          sampleTcpConnection('listener-busy'),
        ],
      }),
      isolate({ pid: 5, thread: 2, verified: false, status: 'no-answer', reason: 'timeout', program: '' }),
    ];
    assert.equal(
      formatTable(isolates, everything),
      [
        'State        Route  Local            Remote          Pid   Program    In     Out  Peer  Reason',
        'LISTEN       shm    [::]:8080        -               4711  server.js   -       -  -',
        'ESTABLISHED  shm    [::1]:1          127.0.0.1:8080  4711  server.js   5  117.7M  77',
        'ESTABLISHED  tcp    127.0.0.1:40000  127.0.0.1:8080  4711  server.js   -       -  -     listener-busy',
        'NO-ANSWER    -      -                -               5/2?  -           -       -  -     timeout',
        '',
      ].join('\n'),
    );
  });

  test('has a row for an isolate that is off, was cut short, or has nothing', () => {
    const none = { connections: [], listeners: [] };
    const rows = formatTable(
      [
        isolate({ ...none, status: 'off', reason: 'bad-configuration', detail: 'SOCKETS_DIRECT_LOG' }),
        isolate({ ...none, omitted: 12 }),
        isolate(none),
      ],
      everything,
    ).split('\n');
    assert.match(rows[1], /^OFF .* bad-configuration: SOCKETS_DIRECT_LOG$/);
    assert.match(rows[2], /^OMITTED .* 12 more not shown$/);
    assert.match(rows[3], /^IDLE /);
    assert.equal(formatTable([isolate(none)], { ...everything, idle: false }), '');
  });
});

test('a provider that did not start has a row with the reason, whatever else is shown', () => {
  const refused = { started: false, reason: 'provider-failed', detail: 'it lacks WSPSend' };
  const providers = [sampleProvider(), sampleProvider({ name: 'fabric', ...refused })];
  const rows = formatTable([isolate({ providers, connections: [], listeners: [] })], {
    connections: true,
    listeners: false,
    idle: false,
  });
  const [, first, second] = rows.split('\n');
  assert.match(first, /^ERR +fabric +.* provider-failed: it lacks WSPSend$/);
  assert.equal(second, '');
});

test('bytes are short', () => {
  const cases: readonly (readonly [number | null, string])[] = [
    [null, '-'],
    [0, '0'],
    [9999, '9999'],
    [10_000, '9.8K'],
    [1 << 20, '1.0M'],
    [5 * 2 ** 30, '5.0G'],
    [2 ** 40, '1.0T'],
    [Number.MAX_SAFE_INTEGER, '8.0P'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});

test('text from elsewhere cannot steer a terminal', () => {
  assert.equal(sanitize('a\u001b[31m\u0007\u009b\r\nb\u202ec\u200b'), 'a?[31m????b?c?');
  assert.equal(sanitize('x'.repeat(1000)).length, 200);
  assert.equal(sanitize('ü ☃ [::1]:80'), 'ü ☃ [::1]:80');
});
