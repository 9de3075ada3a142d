// Connects to a native address, with connect data, and says a few things.
import { FD_CONNECT, FD_CONNECT_BIT, wsaName } from 'sockets-direct/spi';
import { address, errno, nameOf, parameters, receive, say, select, send, socket, table } from './lib.mjs';

const s = socket('');
const caller = Buffer.from('hello');
const callee = { len: 256, buf: Buffer.alloc(256) };
const connected = new Promise((resolve) => {
  select(s, FD_CONNECT, (record) => resolve(record.iErrorCode[FD_CONNECT_BIT]));
});
const data = { len: caller.length, buf: caller };
table.lpWSPConnect(s, address(parameters.address), 8, data, callee, null, null, errno);
const pending = wsaName(errno.value);
const code = pending === 'WSAEWOULDBLOCK' ? await connected : errno.value;
say('connected', { pending, code: wsaName(code), data: callee.buf.toString('utf8', 0, callee.len) });
if (code === 0) {
  say('names', { own: nameOf('lpWSPGetSockName', s), peer: nameOf('lpWSPGetPeerName', s) });
  for (const text of ['one', 'two', 'x'.repeat(20_000)]) {
    send(s, text);
    const answer = await receive(s);
    say('heard', { right: answer === text.toUpperCase() });
  }
}
table.lpWSPCloseSocket(s, errno);
table.lpWSPCleanup(errno);
process.exit();
