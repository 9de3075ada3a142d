// A program that speaks the SPI itself: its up-calls, and waiting for events. No sockets of Node, no switch.
import { AF_SD_SHM, protocolInfo, SOCKADDR_SD_SHM_SIZE, WSPStartupEx } from 'sockets-direct/shm';
import {
  createEvent,
  createNetworkEvents,
  createProcTable,
  createUpcallTable,
  createWspData,
  finishOverlapped,
  IPPROTO_TCP,
  SOCK_STREAM,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  wsaName,
} from 'sockets-direct/spi';

// Nothing of the SPI keeps a program alive: that is its own affair.
setInterval(() => undefined, 1000);

export const errno = { value: 0 };
export const table = createProcTable();

/** Operations that have ended, to be told to who waits. */
const waiting = new Map();
const contexts = new Map();
let handles = 0;

const upcalls = createUpcallTable({
  lpWPUCreateSocketHandle: (_entry, context) => (contexts.set(++handles, context), handles),
  lpWPUCloseSocketHandle: (s) => (contexts.delete(s), 0),
  lpWPUQuerySocketHandleContext: (s, context) => ((context.value = contexts.get(s)), 0),
  lpWPUCompleteOverlappedRequest(_s, overlapped, error, bytes) {
    finishOverlapped(overlapped, error, bytes);
    waiting.get(overlapped)?.(error === 0 ? bytes : -1);
    return 0;
  },
});

const data = createWspData();
const code = WSPStartupEx(WINSOCK_VERSION_2_2, data, protocolInfo, upcalls, table);
if (code !== 0) throw new Error(`WSPStartupEx: ${wsaName(code)} ${data.szDescription}`);

export const fail = (what) => {
  throw new Error(`${what}: ${wsaName(errno.value)}`);
};

export const address = (sin_addr) => ({ sa_family: AF_SD_SHM, sin_port: 0, sin_addr });

/** A socket bound to a native address; '' for none. */
export const socket = (name) => {
  const s = table.lpWSPSocket(AF_SD_SHM, SOCK_STREAM, IPPROTO_TCP, null, 0, WSA_FLAG_OVERLAPPED, errno);
  if (s < 0) fail('WSPSocket');
  if (table.lpWSPBind(s, address(name), SOCKADDR_SD_SHM_SIZE, errno) !== 0) fail('WSPBind');
  return s;
};

/** Calls back whenever the events happen, with their record. */
export const select = (s, mask, act) => {
  const event = createEvent();
  const record = createNetworkEvents();
  event.onSet = () => {
    table.lpWSPEnumNetworkEvents(s, event, record, errno);
    act(record);
  };
  if (table.lpWSPEventSelect(s, event, mask, errno) !== 0) fail('WSPEventSelect');
};

/** One message, as text; null at the end of the connection. */
export const receive = (s) =>
  new Promise((resolve) => {
    const buf = Buffer.alloc(64 * 1024);
    const overlapped = { Internal: 0, InternalHigh: 0, Offset: 0, OffsetHigh: 0, hEvent: 0 };
    waiting.set(overlapped, (bytes) => resolve(bytes < 0 ? null : buf.toString('utf8', 0, bytes)));
    const out = { value: 0 };
    table.lpWSPRecv(s, [{ len: buf.length, buf }], 1, out, { value: 0 }, overlapped, null, null, errno);
    if (wsaName(errno.value) !== 'WSA_IO_PENDING') resolve(null);
  });

export const send = (s, text) => {
  const buf = Buffer.from(text);
  const out = { value: 0 };
  if (table.lpWSPSend(s, [{ len: buf.length, buf }], 1, out, 0, null, null, null, errno) !== 0) fail('WSPSend');
};

export const nameOf = (get, s) => {
  const name = address('');
  const length = { value: SOCKADDR_SD_SHM_SIZE };
  if (table[get](s, name, length, errno) !== 0) fail(get);
  return name.sin_addr;
};

export const say = (word, message = {}) => process.stdout.write(`${word} ${JSON.stringify(message)}\n`);
export const parameters = JSON.parse(process.argv[2] ?? '{}');
