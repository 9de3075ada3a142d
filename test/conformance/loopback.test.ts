// The conformance kit on the loopback provider: as a NIC and as an owner of receive buffers, with and without its extras.
import { describe, test } from 'node:test';
import { suite } from '../../src/conformance/index.js';
import { type Kind, loopbackFactory, whyNothingIsKept } from './support/loopback.js';

const KINDS: Record<string, Kind> = {
  'as a NIC': {},
  'as a NIC without connect data, without RDMA read, whose word is final': {
    connectData: false,
    rdmaRead: 'absent',
    authoritative: true,
    maxMessageBytes: 8192,
    maxRdmaBytes: 65_536,
  },
  'as a NIC that takes its time': { delayTicksMax: 50 },
  'as a NIC that keeps registrations': { cacheRegistrations: true },
  'as an owner of receive buffers': { ownsReceiveBuffers: true },
  'as an owner of receive buffers that takes its time': {
    ownsReceiveBuffers: true,
    delayTicksMax: 50,
    authoritative: true,
  },
};

for (const [how, kind] of Object.entries(KINDS)) {
  const skip = kind.cacheRegistrations === true ? (whyNothingIsKept() ?? false) : false;
  describe(`loopback ${how} keeps the contract of the SPI`, { skip }, () => {
    suite({ test: (name, run) => test(name, run), factory: loopbackFactory(kind) });
  });
}
