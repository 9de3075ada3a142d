import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import {
  type LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK,
  WSAEFAULT,
  WSAEINVAL,
  WSAEOPNOTSUPP,
  WSAID_MEMORYREGISTRATIONCACHECALLBACK,
} from '../../../src/spi/index.js';
import { FakeSan } from './fake-san.js';
import { install, Program, startHarness, v4, type Harness } from './harness.js';

const IDS = ['11111111-2222-4333-8444-55555555555A', '11111111-2222-4333-8444-55555555555B'];

/** A provider whose callback answers with a code, and writes down what it is asked. */
function caching(name: string, id: string | undefined, code: number, asked: string[]): FakeSan {
  const san = new FakeSan(name, id);
  const give: LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK = (address, size, lpErrno) => {
    asked.push(`${name} 0x${address.toString(16)} ${size}`);
    if (code === 0) return 0;
    lpErrno.value = code;
    return -1;
  };
  san.extensions.set(WSAID_MEMORYREGISTRATIONCACHECALLBACK, { give });
  return san;
}

function start(...sans: FakeSan[]): { harness: Harness; kept: string[] } {
  const kept: string[] = [];
  const harness = startHarness(sans[0], {
    events: {
      onListener: () => undefined,
      onProvider: () => undefined,
      onViolation: () => undefined,
      onMemoryKept: (...what) => kept.push(what.join(' ')),
    },
  });
  for (const san of sans.slice(1)) install(harness.catalog, san);
  return { harness, kept };
}

test('every provider is told that a mapping has changed, whosever the memory is (CACHE-6, CACHE-11)', async () => {
  const asked: string[] = [];
  const { harness, kept } = start(
    caching('first', undefined, WSAEINVAL, asked),
    caching('second', IDS[0], 0, asked),
    caching('third', IDS[1], WSAEINVAL, asked),
  );
  await new Promise((resolve) => setImmediate(resolve));
  harness.sw.memoryChanged(0x7f00_1234_5000, 8192);
  assert.deepEqual(
    asked,
    ['first', 'second', 'third'].map((name) => `${name} 0x7f0012345000 8192`),
  );
  assert.deepEqual(kept, [], 'never cached, or released: both are as they should be (CACHE-10)');
  harness.sw.stop();
  harness.sw.memoryChanged(0x1000, 1);
  assert.equal(asked.length, 3);
});

test('a provider that cannot let go is named, and so is one that throws; the others are told all the same (CACHE-10, ERR-23)', async () => {
  const asked: string[] = [];
  const broken = new FakeSan('broken', IDS[1]);
  broken.extensions.set(WSAID_MEMORYREGISTRATIONCACHECALLBACK, {
    give: () => {
      throw new Error('no');
    },
  });
  const { harness, kept } = start(
    caching('stuck', undefined, WSAEFAULT, asked),
    broken,
    caching('fine', IDS[0], 0, asked),
  );
  await new Promise((resolve) => setImmediate(resolve));
  harness.sw.memoryChanged(4096, 1);
  assert.deepEqual(asked, ['stuck 0x1000 1', 'fine 0x1000 1']);
  assert.deepEqual(kept, ['stuck 10014 4096 1', 'broken 10107 4096 1']);
  harness.sw.stop();
});

test('one without the callback is left alone (CACHE-16, SP-10)', () => {
  const san = new FakeSan();
  san.extensions.set(WSAID_MEMORYREGISTRATIONCACHECALLBACK, WSAEOPNOTSUPP);
  const { harness, kept } = start(san);
  harness.sw.memoryChanged(4096, 1);
  assert.deepEqual(kept, []);
  harness.sw.stop();
});

test('one that was removed is told as long as it has a connection (CACHE-6, SW-20)', async () => {
  const asked: string[] = [];
  const san = caching('leaving', undefined, 0, asked);
  const { harness } = start(san);
  const program = new Program().connect(harness.sw, v4('10.0.0.5', 80));
  assert.ok(program.attempt !== null);
  harness.catalog.setSanList([]);
  await new Promise((resolve) => setImmediate(resolve));
  harness.sw.memoryChanged(4096, 1);
  assert.equal(asked.length, 1);
  program.attempt.cancel();
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(san.log.includes('WSPCleanup'));
  harness.sw.memoryChanged(4096, 1);
  assert.equal(asked.length, 1);
  harness.sw.stop();
});
