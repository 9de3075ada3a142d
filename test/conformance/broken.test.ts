// Whether the kit is worth anything: providers that are wrong in one way each, and each must be caught by a case that
// cites the requirement which it breaks. The same provider, whole, passes (loopback.test.ts).
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConformanceError, type ProviderFactory, suite } from '../../src/conformance/index.js';
import { type Fault, LIFE_FAULTS } from './support/faults.js';
import { type Kind, loopbackFactory, loopbackManifest } from './support/loopback.js';
import { tamper } from './support/tamper.js';
import { MEMORY_FAULTS, TRANSFER_FAULTS } from './support/transfer-faults.js';

const FAULTS = [...LIFE_FAULTS, ...MEMORY_FAULTS, ...TRANSFER_FAULTS];

/** Limits that keep the cases short: there are thousands of them here. */
const SMALL: Kind = { maxMessageBytes: 8192, maxRdmaBytes: 65_536 };

/** Loopback with the fault in both instances of a pair. */
function broken({ kind: own, tampering }: Fault): ProviderFactory {
  const kind = { ...SMALL, ...own };
  return {
    manifest: loopbackManifest(kind),
    create() {
      const surgery = tampering();
      return loopbackFactory(kind, (module) => tamper(module, surgery)).create();
    },
  };
}

/** Runs the kit as a runner of its own would, and gives the cases that failed, with their reasons. */
async function failures(factory: ProviderFactory): Promise<Map<string, unknown>> {
  const cases: [string, () => Promise<void>][] = [];
  suite({ test: (name, run) => cases.push([name, run]), factory });
  const failed = new Map<string, unknown>();
  for (const [name, run] of cases) {
    try {
      await run();
    } catch (error) {
      failed.set(name, error);
    }
  }
  return failed;
}

const cites = (name: string, id: string): boolean => new RegExp(`[( ]${id}[,)]`).test(name);

describe('a broken provider is caught by the case that cites what it breaks', () => {
  for (const fault of FAULTS) {
    test(`one that ${fault.what} (${fault.breaks})`, async () => {
      const failed = await failures(broken(fault));
      const names = [...failed.keys()];
      const caught = names.filter((name) => cites(name, fault.breaks));
      assert.ok(caught.length > 0, `caught by none that cites it, only by:\n${names.join('\n') || 'nothing'}`);
      for (const name of caught) assert.ok(failed.get(name) instanceof ConformanceError, String(failed.get(name)));
    });
  }
});

describe('the kit judges by the manifest', () => {
  const lies: [string, string, Kind, Partial<ProviderFactory['manifest']>][] = [
    ['claims no RDMA read and offers it', 'SP-9', {}, { rdmaRead: false }],
    ['claims RDMA read and does not offer it', 'SP-9', { rdmaRead: 'absent' }, { rdmaRead: true }],
    ['claims no owned receive and offers it', 'SP-9', { ownsReceiveBuffers: true }, { ownsReceiveBuffers: false }],
    ['claims a cache and has no callback', 'SP-10', {}, { memoryRegistrationCache: true }],
    ['claims no connect data and carries them', 'SESS-5', {}, { connectData: false }],
    ['claims a smaller message than it takes', 'OPT-5', {}, { limits: { messageBytes: 1000, rdmaBytes: 65_536 } }],
    ['claims QoS', 'SP-20', {}, { qos: true }],
  ];
  for (const [what, id, kind, claim] of lies) {
    test(`a provider that ${what} fails (${id})`, async () => {
      const small = { ...SMALL, ...kind };
      const { create } = loopbackFactory(small);
      const failed = await failures({ manifest: { ...loopbackManifest(small), ...claim }, create });
      assert.ok(
        [...failed.keys()].some((name) => cites(name, id)),
        [...failed.keys()].join('\n'),
      );
    });
  }

  test('a whole provider fails no case', async () => {
    const failed = await failures(loopbackFactory(SMALL));
    assert.deepEqual([...failed], []);
  });

  test('cases that do not apply are told with a reason, and not registered', () => {
    const registered: string[] = [];
    const skipped: string[] = [];
    suite({
      test: (name) => registered.push(name),
      skip: (name, reason) => (assert.ok(reason.length > 0), skipped.push(name)),
      factory: loopbackFactory({ rdmaRead: 'absent' }),
    });
    assert.ok(skipped.some((name) => name.startsWith('WSPRdmaRead gets bytes')));
    assert.deepEqual(
      registered.filter((name) => skipped.includes(name)),
      [],
    );
    assert.equal(new Set(registered).size, registered.length, 'every name is there once');
  });
});
