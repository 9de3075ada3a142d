// A provider that is broken in the way that the environment says; installed while it was well.
'use strict';
const { createProcTable, makeProtocolInfo, WSASYSNOTREADY } = require('../../../../dist/spi/index.js');

const how = process.env.TEST_BROKEN ?? '';
if (how === 'throws') throw new Error('it does not load today');
exports.protocolInfo = makeProtocolInfo({
  ProviderId: '5A1B6C2D-77E0-4F8B-8C11-93D5E0A4F276',
  szProtocol: 'broken',
});
if (how !== 'exports') {
  exports.WSPStartupEx = (_version, data, _info, _upcalls, table) => {
    if (how === 'start-throws') throw new Error('it does not start today');
    if (how === 'refuses') return WSASYSNOTREADY;
    data.wVersion = how === 'version' ? 0x0101 : 0x0202;
    Object.assign(table, createProcTable());
    return 0;
  };
}
