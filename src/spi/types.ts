/**
 * The small types that every SPI call uses: out-parameters, descriptors, handles, buffers.
 *
 * Names are those of winsock2.h and ws2san.h. Where C passes a pointer to a scalar, this SPI passes an {@link Out}: a
 * small object that the caller owns and reuses, so that a call on the data path allocates nothing (DESIGN D2).
 */

/**
 * An out-parameter (or in/out-parameter), the analogue of a C pointer to one value. The caller owns it and may pass the
 * same object to every call; the callee writes `value` and never keeps the object beyond the call.
 */
export interface Out<T> {
  value: T;
}

/**
 * A socket descriptor: an opaque integer, never dereferenced by the side that did not make it. A provider's descriptor
 * and the switch's handle for the same socket are different values (two-handle rule, SOCK-8). Valid descriptors are
 * >= 0 and not reused before `WSPCloseSocket` (DUP-33).
 */
export type SOCKET = number;

/** An opaque provider handle, e.g. a memory registration (MEM-12). {@link NULL_HANDLE} means "none". */
export type HANDLE = number;

/** TRUE or FALSE of the published prototypes; a plain boolean here. */
export type BOOL = boolean;

/**
 * What a socket-returning call answers when it failed; the reason is in `lpErrno`. The published value is `~0` in the
 * width of a pointer; in this SPI that is -1.
 */
export const INVALID_SOCKET = -1;

/** What an int-returning call answers when it failed; the reason is in `lpErrno`. [HDR: winsock2.h] */
export const SOCKET_ERROR = -1;

/** The NULL handle: `WSPRegisterMemory` answers it when it failed (MEM-12). */
export const NULL_HANDLE = 0;

/**
 * A buffer: the first `len` bytes of `buf`. For an operation that stays pending, the object and the memory must stay
 * as they are until it completes (XFER-29). Unit of `len`: bytes. [HDR: winsock2.h]
 */
export interface WSABUF {
  len: number;
  buf: Uint8Array;
}

/**
 * A registered buffer for an RDMA call: as {@link WSABUF}, and the handle that `WSPRegisterMemory` gave for memory that
 * contains it (XFER-30). [HDR: ws2san.h] [REF ff565947]
 */
export interface WSABUFEX extends WSABUF {
  handle: HANDLE;
}

/**
 * A thread of the caller. Completion routines are not used under the switch, so callers pass `null` (XFER-19).
 * [HDR: ws2spi.h]
 */
export interface WSATHREADID {
  ThreadHandle: HANDLE;
  Reserved: number;
}

/** Makes an {@link Out} that holds `value`. For set-up code; keep the object and reuse it on a data path. */
export function out<T>(value: T): Out<T> {
  return { value };
}

/** Version 2.2, the version the extensions need (SP-5): low byte major, high byte minor. */
export const WINSOCK_VERSION_2_2 = 0x0202;

/** Makes a version word: low byte `major`, high byte `minor` (SP-5). Both 0–255. */
export function MAKEWORD(major: number, minor: number): number {
  return (major & 0xff) | ((minor & 0xff) << 8);
}

/** The major version of a version word (SP-5). */
export function LOBYTE(version: number): number {
  return version & 0xff;
}

/** The minor version of a version word (SP-5). */
export function HIBYTE(version: number): number {
  return (version >> 8) & 0xff;
}
