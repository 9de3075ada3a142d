// A provider module as a third party would ship it, CommonJS: shared memory under another name and id.
'use strict';
const os = require('node:os');
const { createShmProvider } = require('../../../../dist/providers/shm/index.js');
const { loadAddon } = require('../../../../dist/proxy-driver/load.js');
const { ProxyDriver } = require('../../../../dist/proxy-driver/index.js');

// The switch follows the addresses already, and there is one such list in an isolate; this one is as of now.
class OwnDriver extends ProxyDriver {
  getAddressList() {
    const all = Object.values(os.networkInterfaces()).flat();
    return all.map(({ family, address }) => ({
      sa_family: family === 'IPv4' ? 2 : 23,
      sin_port: 0,
      sin_addr: address,
    }));
  }

  watchAddressList() {
    return () => undefined;
  }
}

const shm = createShmProvider({
  driver: new OwnDriver(loadAddon().addon),
  ringBytes: 2 ** 20,
  spillBytesMax: 2 ** 22,
  allowedUids: new Set([process.geteuid()]),
});
exports.WSPStartupEx = shm.WSPStartupEx;
exports.protocolInfo = {
  ...shm.protocolInfo,
  ProviderId: '0D8F31C7-4B5E-4C7A-9B5D-2A7F3E6C1B90',
  szProtocol: 'second',
};
