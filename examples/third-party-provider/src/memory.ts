/** Registered memory (MEM-1…19). Nothing is pinned, for all bytes are copied; rights, ranges and owners are checked. */
import { randomBytes } from 'node:crypto';
import {
  MEM_READ,
  MEM_READWRITE,
  MEM_WRITE,
  NULL_HANDLE,
  type SanExtensions,
  type WSABUF,
  WSAEFAULT,
  WSAEINVAL,
  WSAENOTCONN,
} from 'sockets-direct/spi';
import { type Endpoint, failed, type Registration, type Shared } from './socket.js';

/** A descriptor: 16 bytes that cannot be guessed, which the owner of the memory looks up. */
export const KEY_BYTES = 16;

function wrong(endpoint: Endpoint, buffer: unknown, bytes: number, flags: number): number {
  if (flags !== MEM_READ && flags !== MEM_WRITE && flags !== MEM_READWRITE) return WSAEINVAL;
  if (!(buffer instanceof Uint8Array) || !(bytes >= 0) || bytes > buffer.length) return WSAEFAULT;
  return endpoint.state === 'connected' ? 0 : WSAENOTCONN;
}

function inside(outer: Registration, { buf, len }: WSABUF): boolean {
  if (!(buf instanceof Uint8Array) || len > buf.length || buf.buffer !== outer.buffer.buffer) return false;
  const start = buf.byteOffset - outer.buffer.byteOffset;
  return start >= 0 && start + len <= outer.bytes;
}

/** The registrations that cover `count` buffers with this right, found by address (XFER-30); null: not registered. */
export function covering(
  endpoint: Endpoint,
  buffers: readonly WSABUF[],
  count: number,
  right: number,
): Registration[] | null {
  const found: Registration[] = [];
  for (const buffer of buffers.slice(0, count)) {
    const one = [...endpoint.memory].find(
      (known) => known.handle !== NULL_HANDLE && (known.flags & right) !== 0 && inside(known, buffer),
    );
    if (one === undefined) return null;
    found.push(one);
  }
  return found;
}

/** The registration behind a handle, if it covers the buffer (MEM-6, XFER-30). */
export function named(endpoint: Endpoint, handle: number, buffer: WSABUF, right: number): Registration | null {
  for (const known of endpoint.memory) {
    if (handle !== NULL_HANDLE && known.handle === handle) {
      return (known.flags & right) !== 0 && inside(known, buffer) ? known : null;
    }
  }
  return null;
}

/** What the peer may reach under a key (MEM-7…10). */
export function exposed(endpoint: Endpoint, key: string, right: number): Registration | null {
  for (const known of endpoint.memory)
    if (known.key === key && key !== '') return (known.flags & right) !== 0 ? known : null;
  return null;
}

function keyOf(descriptor: Uint8Array, length: number): string {
  if (length !== KEY_BYTES || descriptor.length < KEY_BYTES) return '';
  return Buffer.from(descriptor.subarray(0, KEY_BYTES)).toString('hex');
}

type Registering = Pick<
  SanExtensions,
  'WSPRegisterMemory' | 'WSPDeregisterMemory' | 'WSPRegisterRdmaMemory' | 'WSPDeregisterRdmaMemory'
>;

export function makeRegistering(shared: Shared): Registering {
  const undo = (endpoint: Endpoint, known: Registration | undefined): boolean => {
    if (known === undefined || known.uses > 0) return false; // MEM-15
    if (--known.count === 0) endpoint.memory.delete(known);
    return true;
  };
  return {
    WSPRegisterMemory(s, lpBuffer, dwBufferLength, dwFlags, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return NULL_HANDLE;
      lpErrno.value = wrong(endpoint, lpBuffer, dwBufferLength, dwFlags);
      if (lpErrno.value !== 0) return NULL_HANDLE;
      const handle = shared.handle();
      endpoint.memory.add({
        handle,
        key: '',
        buffer: lpBuffer,
        bytes: dwBufferLength,
        flags: dwFlags,
        count: 1,
        uses: 0,
      });
      return handle;
    },
    WSPDeregisterMemory(s, Handle, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      const known = [...endpoint.memory].find(({ handle }) => handle !== NULL_HANDLE && handle === Handle);
      return undo(endpoint, known) ? 0 : failed(lpErrno, WSAEINVAL);
    },
    WSPRegisterRdmaMemory(s, lpBuffer, dwBufferLength, dwFlags, lpDescriptor, lpdwDescriptorLength, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      const code = wrong(endpoint, lpBuffer, dwBufferLength, dwFlags);
      if (code !== 0) return failed(lpErrno, code);
      const room = lpdwDescriptorLength.value;
      lpdwDescriptorLength.value = KEY_BYTES;
      if (lpDescriptor === null || room < KEY_BYTES) return failed(lpErrno, WSAEFAULT); // MEM-16
      const secret = randomBytes(KEY_BYTES);
      lpDescriptor.set(secret);
      const key = secret.toString('hex');
      endpoint.memory.add({
        handle: NULL_HANDLE,
        key,
        buffer: lpBuffer,
        bytes: dwBufferLength,
        flags: dwFlags,
        count: 1,
        uses: 0,
      });
      return 0;
    },
    WSPDeregisterRdmaMemory(s, lpDescriptor, dwDescriptorLength, lpErrno) {
      const endpoint = shared.find(s, lpErrno);
      if (endpoint === null) return -1;
      const wanted = keyOf(lpDescriptor, dwDescriptorLength);
      const known = [...endpoint.memory].find(({ key }) => key !== '' && key === wanted);
      return undo(endpoint, known) ? 0 : failed(lpErrno, WSAEINVAL);
    },
  };
}
