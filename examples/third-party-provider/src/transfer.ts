/** Sending, receiving and RDMA writes over a connected Unix socket (XFER-18…33), and the end of a connection. */
import {
  beginOverlapped,
  type LPFN_WSPRDMAWRITE,
  type LPWSPGETOVERLAPPEDRESULT,
  type LPWSPRECV,
  type LPWSPSEND,
  MEM_READ,
  MEM_WRITE,
  type Out,
  readOverlapped,
  WSA_IO_PENDING,
  type WSABUF,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOTCONN,
  WSAEOPNOTSUPP,
} from 'sockets-direct/spi';
import { type Frame, type FrameReader, header, MESSAGE, WRITE, WRITTEN } from './frames.js';
import { covering, exposed, KEY_BYTES, named } from './memory.js';
import { type Endpoint, failed, type Operation, type Registration, type Shared } from './socket.js';

/** `SO_MAX_MSG_SIZE` and `SO_MAX_RDMA_SIZE`, in bytes. */
export const MESSAGE_BYTES_MAX = 256 * 1024;
export const RDMA_BYTES_MAX = 1 << 20;
/** Messages without a buffer after which the Unix socket is not read any more: its sender then waits. */
const EARLY_MAX = 16;
/** OBS-8. */
const RDMA_BUFFERS_MAX = 4;
const WRITE_HEADER_BYTES = KEY_BYTES + 8;

/** Null: not connected, and the code (OBS-14). */
function connected(shared: Shared, s: number, lpErrno: Out<number>): Endpoint | null {
  const endpoint = shared.find(s, lpErrno);
  if (endpoint === null || endpoint.state === 'connected') return endpoint;
  lpErrno.value = endpoint.state === 'disconnected' ? WSAECONNRESET : WSAENOTCONN;
  return null;
}

const total = (buffers: readonly WSABUF[], count: number): number =>
  buffers.slice(0, count).reduce((sum, { len }) => sum + len, 0);

const pieces = (buffers: readonly WSABUF[], count: number): Uint8Array[] =>
  buffers.slice(0, count).map(({ buf, len }) => buf.subarray(0, len));

/** Marks an operation as running, before anything can end it (OBS-16). */
function begin(operation: Operation): void {
  for (const registration of operation.memory) registration.uses++;
  beginOverlapped(operation.overlapped);
}

/** Writes a frame; `sent` is called when the kernel has all of it, in a later turn. */
export function write(endpoint: Endpoint, head: Buffer, parts: readonly Uint8Array[], sent?: () => void): void {
  const { wire } = endpoint;
  if (wire === null) return;
  wire.cork();
  wire.write(head);
  for (const part of parts.slice(0, -1)) wire.write(part);
  wire.write(parts.at(-1) ?? Buffer.alloc(0), (error) => {
    if (!error) sent?.();
  });
  wire.uncork();
}

export function makeSend(shared: Shared): LPWSPSEND {
  return (s, lpBuffers, dwBufferCount, lpNumberOfBytesSent, dwFlags, lpOverlapped, _routine, _thread, lpErrno) => {
    const endpoint = connected(shared, s, lpErrno);
    if (endpoint === null) return -1;
    if (dwFlags !== 0 || lpOverlapped === null) return failed(lpErrno, WSAEINVAL); // XFER-29
    const bytes = total(lpBuffers, dwBufferCount);
    if (bytes > MESSAGE_BYTES_MAX) return failed(lpErrno, WSAEMSGSIZE); // XFER-3
    const memory = covering(endpoint, lpBuffers, dwBufferCount, MEM_READ);
    if (memory === null) return failed(lpErrno, WSAEFAULT); // XFER-30
    const operation = { overlapped: lpOverlapped, memory };
    begin(operation);
    endpoint.sends.add(operation);
    lpNumberOfBytesSent.value = 0;
    write(endpoint, header(MESSAGE, 0, bytes), pieces(lpBuffers, dwBufferCount), () => {
      // The kernel has it, and will deliver it even if this process is killed now.
      if (endpoint.sends.delete(operation)) shared.complete(endpoint, operation, 0, bytes);
    });
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

export function makeRecv(shared: Shared): LPWSPRECV {
  return (s, lpBuffers, dwBufferCount, lpNumberOfBytesRecvd, _flags, lpOverlapped, _routine, _thread, lpErrno) => {
    const endpoint = shared.find(s, lpErrno);
    if (endpoint === null) return -1;
    const { state, early } = endpoint;
    if (state !== 'connected' && (state !== 'disconnected' || early.length === 0)) {
      return failed(lpErrno, state === 'disconnected' ? WSAECONNRESET : WSAENOTCONN);
    }
    const memory = covering(endpoint, lpBuffers, dwBufferCount, MEM_WRITE);
    if (memory === null) return failed(lpErrno, WSAEFAULT);
    const operation = { overlapped: lpOverlapped, memory, buffers: lpBuffers.slice(0, dwBufferCount) };
    begin(operation);
    endpoint.posted.push(operation);
    lpNumberOfBytesRecvd.value = 0;
    deliverLater(shared, endpoint); // never from inside this call (OBS-16)
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

function deliverLater(shared: Shared, endpoint: Endpoint): void {
  if (endpoint.delivering) return;
  endpoint.delivering = true;
  setImmediate(deliver, shared, endpoint);
}

/** Messages into buffers, oldest into oldest, one into one (SESS-7); then, if the peer is gone, that it is (CLOSE-3). */
function deliver(shared: Shared, endpoint: Endpoint): void {
  endpoint.delivering = false;
  const { early, posted } = endpoint;
  while (early.length > 0) {
    const receive = posted.shift();
    if (receive === undefined) break;
    const message = early.shift() ?? Buffer.alloc(0);
    let at = 0;
    for (const { buf, len } of receive.buffers) at += message.copy(buf.subarray(0, len), 0, at);
    shared.complete(endpoint, receive, at < message.length ? WSAEMSGSIZE : 0, at);
  }
  if (early.length <= EARLY_MAX) endpoint.wire?.resume();
  if (endpoint.state !== 'disconnected' || early.length > 0) return;
  for (const receive of posted.splice(0)) shared.complete(endpoint, receive, WSAECONNRESET, 0);
}

export function makeRdmaWrite(shared: Shared): LPFN_WSPRDMAWRITE {
  return (s, lpBuffers, count, lpDescriptor, length, offset, lpWritten, flags, lpOverlapped, _r, _t, lpErrno) => {
    const endpoint = connected(shared, s, lpErrno);
    if (endpoint === null) return -1;
    if (flags !== 0 || count < 1 || count > RDMA_BUFFERS_MAX || length !== KEY_BYTES) return failed(lpErrno, WSAEINVAL);
    const memory: Registration[] = [];
    for (const buffer of lpBuffers.slice(0, count)) {
      const known = named(endpoint, buffer.handle, buffer, MEM_READ);
      if (known === null) return failed(lpErrno, WSAEFAULT);
      memory.push(known);
    }
    const bytes = total(lpBuffers, count);
    if (bytes > RDMA_BYTES_MAX) return failed(lpErrno, WSAEINVAL);
    const operation = { overlapped: lpOverlapped, memory, bytes };
    begin(operation);
    lpWritten.value = 0;
    const number = endpoint.nextWrite++;
    endpoint.writes.set(number, operation);
    const where = Buffer.alloc(WRITE_HEADER_BYTES);
    where.set(lpDescriptor.subarray(0, KEY_BYTES));
    where.writeBigUInt64LE(BigInt(offset), KEY_BYTES);
    write(endpoint, header(WRITE, number, WRITE_HEADER_BYTES + bytes), [where, ...pieces(lpBuffers, count)]);
    return failed(lpErrno, WSA_IO_PENDING);
  };
}

/** What the peer wants written: only into memory that is exposed to it, and within (MEM-7…10). The code for it. */
function writeCame(endpoint: Endpoint, payload: Buffer): number {
  if (payload.length < WRITE_HEADER_BYTES) throw new RangeError('a WRITE without an address');
  const target = exposed(endpoint, payload.toString('hex', 0, KEY_BYTES), MEM_WRITE);
  const offset = payload.readBigUInt64LE(KEY_BYTES);
  const data = payload.subarray(WRITE_HEADER_BYTES);
  if (target === null || offset + BigInt(data.length) > BigInt(target.bytes)) return WSAEFAULT;
  target.buffer.set(data, Number(offset));
  return 0;
}

export function makeGetOverlappedResult(shared: Shared): LPWSPGETOVERLAPPEDRESULT {
  return (s, lpOverlapped, lpcbTransfer, fWait, lpdwFlags, lpErrno) => {
    if (shared.find(s, lpErrno) === null) return false;
    if (!fWait) return readOverlapped(lpOverlapped, lpcbTransfer, lpdwFlags, lpErrno);
    lpErrno.value = WSAEOPNOTSUPP; // nothing blocks here (OBS-17)
    return false;
  };
}

/** From now on what comes is the connection's. What had come already is in `reader`. */
export function attach(shared: Shared, endpoint: Endpoint, reader: FrameReader): void {
  const { wire } = endpoint;
  if (wire === null) return;
  endpoint.state = 'connected';
  const read = (chunk: Buffer): void => {
    try {
      reader.push(chunk);
      for (let frame = reader.next(); frame !== null; frame = reader.next()) frameCame(shared, endpoint, frame);
    } catch {
      wire.destroy(); // nonsense: the peer loses its connection
    }
  };
  wire.on('data', read);
  wire.once('close', () => disconnect(shared, endpoint));
  read(Buffer.alloc(0));
  wire.resume();
}

function frameCame(shared: Shared, endpoint: Endpoint, { kind, argument, payload }: Frame): void {
  if (kind === MESSAGE) {
    endpoint.early.push(payload);
    if (endpoint.early.length > EARLY_MAX) endpoint.wire?.pause();
    deliverLater(shared, endpoint);
  } else if (kind === WRITE) {
    const code = Buffer.alloc(4);
    code.writeUInt32LE(writeCame(endpoint, payload));
    write(endpoint, header(WRITTEN, argument, code.length), [code]);
  } else if (kind === WRITTEN && payload.length === 4) {
    const operation = endpoint.writes.get(argument);
    if (operation === undefined) throw new RangeError('a WRITTEN for nothing');
    endpoint.writes.delete(argument);
    shared.complete(endpoint, operation, payload.readUInt32LE(), operation.bytes);
  } else throw new RangeError(`a frame of kind ${kind}`);
}

/** The connection is gone; the record stays until the switch closes it (CLOSE-7). */
function disconnect(shared: Shared, endpoint: Endpoint): void {
  if (endpoint.state !== 'connected') return;
  endpoint.state = 'disconnected';
  endpoint.wire = null;
  for (const operation of [...endpoint.sends, ...endpoint.writes.values()]) {
    shared.complete(endpoint, operation, WSAECONNRESET, 0);
  }
  endpoint.sends.clear();
  endpoint.writes.clear();
  deliverLater(shared, endpoint);
}
