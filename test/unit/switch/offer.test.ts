import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createProcTable,
  type SanExtensions,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  WSAENOPROTOOPT,
} from '../../../src/spi/index.js';
import { makeOffer, type SessionSettings } from '../../../src/switch/offer.js';

const SETTINGS: SessionSettings = { windowBytes: 65_536, receiveBuffers: 16 };
const READS = { WSPRdmaRead: () => 0 } as unknown as SanExtensions;
const NO_READS = { WSPRdmaRead: null } as unknown as SanExtensions;

function offer(options: Record<number, number>, extensions: SanExtensions, settings: Partial<SessionSettings> = {}) {
  const procs = createProcTable();
  procs.lpWSPGetSockOpt = (_s, _level, name, value, _length, errno) => {
    if (name in options) value.value = options[name];
    else errno.value = WSAENOPROTOOPT;
    return name in options ? 0 : -1;
  };
  const made = makeOffer(procs, 1, extensions, { ...SETTINGS, ...settings });
  assert.ok(typeof made === 'object');
  return made;
}

describe('what is offered of large transfers (GAP-4, OPT-5 … OPT-7, XFER-2)', () => {
  const limits = { [SO_MAX_MSG_SIZE]: 8192, [SO_MAX_RDMA_SIZE]: 1 << 20, [SO_RDMA_THRESHOLD_SIZE]: 300_000 };

  it('is what the provider has and prefers', () => {
    const made = offer(limits, READS);
    assert.deepEqual([made.rdmaRead, made.rdmaWrite], [true, true]);
    assert.deepEqual([made.maxMessageBytes, made.maxRdmaBytes, made.rdmaThresholdBytes], [8192, 1 << 20, 300_000]);
    assert.equal(offer(limits, NO_READS).rdmaRead, false);
  });

  it('is nothing above no size where the provider has no preference', () => {
    assert.deepEqual([offer({}, READS).maxRdmaBytes, offer({}, READS).rdmaThresholdBytes], [0xffffffff, 0xffffffff]);
  });

  it('follows the settings, whatever the provider prefers', () => {
    const flags = (transfer: 'pull' | 'push' | 'copy') => {
      const { rdmaRead, rdmaWrite, rdmaThresholdBytes } = offer(limits, READS, { transfer });
      return [rdmaRead, rdmaWrite, rdmaThresholdBytes];
    };
    assert.deepEqual(flags('pull'), [true, false, 65_536]);
    assert.deepEqual(flags('push'), [false, true, 65_536]);
    assert.deepEqual(flags('copy'), [false, false, 65_536]);
    assert.equal(offer({}, READS, { transferThresholdBytes: 5 }).rdmaThresholdBytes, 5);
  });

  it('refuses a provider whose limits make no sense', () => {
    const procs = createProcTable();
    procs.lpWSPGetSockOpt = (_s, _level, _name, value) => {
      value.value = 0.5;
      return 0;
    };
    const refusal = makeOffer(procs, 1, READS, SETTINGS);
    assert.ok(typeof refusal === 'string' && refusal.startsWith('SO_MAX_MSG_SIZE'));
  });
});
