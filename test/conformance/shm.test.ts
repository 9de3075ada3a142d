// The conformance kit on the shm provider, with the real addon.
import { after, describe, test } from 'node:test';
import { suite } from '../../src/conformance/index.js';
import { shmFactory, unload } from './support/shm.js';

describe('shm keeps the contract of the SPI', () => {
  after(unload);
  suite({
    test: (name, run) => test(name, run),
    skip: (name, reason) => test(name, { skip: reason }),
    factory: shmFactory,
  });
});
