// Listens on a native address and answers each message with the same in capitals.
import { CF_ACCEPT, FD_ACCEPT } from 'sockets-direct/spi';
import { address, errno, fail, nameOf, parameters, receive, say, select, send, socket, table } from './lib.mjs';

const listener = socket(parameters.address);
if (table.lpWSPListen(listener, 5, errno) !== 0) fail('WSPListen');

const serve = async (s) => {
  for (let text = await receive(s); text !== null; text = await receive(s)) send(s, text.toUpperCase());
  table.lpWSPCloseSocket(s, errno);
  say('closed');
};

select(listener, FD_ACCEPT, () => {
  const from = address('?');
  const length = { value: 8 };
  const seen = {};
  const condition = (caller, callerData, _sqos, _gqos, callee, calleeData) => {
    seen.caller = caller;
    seen.callee = callee;
    seen.data = Buffer.from(callerData.buf.subarray(0, callerData.len)).toString();
    calleeData.len = new TextEncoder().encodeInto('welcome', calleeData.buf).written;
    return CF_ACCEPT;
  };
  const s = table.lpWSPAccept(listener, from, length, condition, null, errno);
  if (s < 0) return;
  say('accepted', { ...seen, from, own: nameOf('lpWSPGetSockName', s), peer: nameOf('lpWSPGetPeerName', s) });
  void serve(s);
});
say('ready', { own: nameOf('lpWSPGetSockName', listener) });
process.once('SIGTERM', () => {
  say('cleaned', { result: table.lpWSPCleanup(errno), again: table.lpWSPCleanup(errno) });
  process.exit();
});
