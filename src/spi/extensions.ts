/**
 * The seven extension functions of Ws2san.h that are fetched by GUID through
 * `WSPIoctl(SIO_GET_EXTENSION_FUNCTION_POINTER)`, one call each (SW-16): memory registration and RDMA.
 * `WSPStartupEx`, the eighth, is the module's export.
 */

import type { GuidText } from './guid.js';
import type { LPWSAOVERLAPPED_COMPLETION_ROUTINE, WSAOVERLAPPED } from './overlapped.js';
import type { HANDLE, Out, SOCKET, WSABUFEX, WSATHREADID } from './types.js';

/** Fetches {@link LPFN_WSPREGISTERMEMORY}. Required (SP-9). */
export const WSAID_REGISTERMEMORY: GuidText = 'C0B422F5-F58C-11D1-AD6C-00C04FA34A2D';
/** Fetches {@link LPFN_WSPDEREGISTERMEMORY}. Required (SP-9). */
export const WSAID_DEREGISTERMEMORY: GuidText = 'C0B422F6-F58C-11D1-AD6C-00C04FA34A2D';
/** Fetches {@link LPFN_WSPREGISTERRDMAMEMORY}. Required (SP-9). */
export const WSAID_REGISTERRDMAMEMORY: GuidText = 'C0B422F7-F58C-11D1-AD6C-00C04FA34A2D';
/** Fetches {@link LPFN_WSPDEREGISTERRDMAMEMORY}. Required (SP-9). */
export const WSAID_DEREGISTERRDMAMEMORY: GuidText = 'C0B422F8-F58C-11D1-AD6C-00C04FA34A2D';
/** Fetches {@link LPFN_WSPRDMAWRITE}. Required (SP-9). */
export const WSAID_RDMAWRITE: GuidText = 'C0B422F9-F58C-11D1-AD6C-00C04FA34A2D';
/** Fetches {@link LPFN_WSPRDMAREAD}. Optional: `WSAEOPNOTSUPP` = not offered (SP-9, SW-17, ERR-1). */
export const WSAID_RDMAREAD: GuidText = 'C0B422FA-F58C-11D1-AD6C-00C04FA34A2D';
/** Fetches {@link LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK}. Optional, but required of a provider that caches (SP-10). */
export const WSAID_MEMORYREGISTRATIONCACHECALLBACK: GuidText = 'E5DA4AF8-D824-48CD-A799-6337A98ED2AF';

/** `TransmitFile`: handled in the switch, never asked of a provider (EXT-1). */
export const WSAID_TRANSMITFILE: GuidText = 'B5367DF0-CBAC-11CF-95CA-00805F48A192';
/** `AcceptEx`: handled in the switch, never asked of a provider (EXT-1). */
export const WSAID_ACCEPTEX: GuidText = 'B5367DF1-CBAC-11CF-95CA-00805F48A192';
/** `GetAcceptExSockaddrs`: handled in the switch, never asked of a provider (EXT-1). */
export const WSAID_GETACCEPTEXSOCKADDRS: GuidText = 'B5367DF2-CBAC-11CF-95CA-00805F48A192';

/**
 * Register memory for local use on `s`: source of `WSPSend` and `WSPRdmaWrite`, target of `WSPRecv` and `WSPRdmaRead`
 * (MEM-1, MEM-2). The first `dwBufferLength` bytes of `lpBuffer`; `dwFlags` = `MEM_READ`, `MEM_WRITE`, `MEM_READWRITE`.
 * The provider holds the memory strongly until it is deregistered. The same memory may be registered again, on any
 * socket; registrations count (MEM-13). Valid on that socket only (MEM-6).
 *
 * Returns a handle, or `NULL_HANDLE`: `WSAENOBUFS` · `WSAEFAULT` unusable range · `WSAEINVAL` flags · `WSAENOTCONN`
 * (MEM-12).
 */
export type LPFN_WSPREGISTERMEMORY = (
  s: SOCKET,
  lpBuffer: Uint8Array,
  dwBufferLength: number,
  dwFlags: number,
  lpErrno: Out<number>,
) => HANDLE;

/**
 * Undo one registration, on the socket it was made on (MEM-3, MEM-13…15).
 * Returns 0, or `SOCKET_ERROR` with `WSAEINVAL` unknown handle, or in use by a transfer (ERR-19).
 */
export type LPFN_WSPDEREGISTERMEMORY = (s: SOCKET, Handle: HANDLE, lpErrno: Out<number>) => number;

/**
 * Expose memory to the peer of this one connection: target of its `WSPRdmaWrite`, source of its `WSPRdmaRead` (MEM-4,
 * MEM-7…10). Rights as the peer's. Writes an opaque descriptor, which travels verbatim in control messages.
 * `lpdwDescriptorLength`: in the room in bytes, out the size stored or needed; room 0 with a null block asks for the
 * size (MEM-16, OBS-11).
 *
 * Returns 0 or `SOCKET_ERROR`: `WSAEFAULT` too little room (size is stored) or unusable range (ERR-18) · `WSAENOBUFS` ·
 * `WSAEINVAL` flags · `WSAENOTCONN`.
 */
export type LPFN_WSPREGISTERRDMAMEMORY = (
  s: SOCKET,
  lpBuffer: Uint8Array,
  dwBufferLength: number,
  dwFlags: number,
  lpRdmaBufferDescriptor: Uint8Array | null,
  lpdwDescriptorLength: Out<number>,
  lpErrno: Out<number>,
) => number;

/**
 * Undo one exposure (MEM-5, MEM-13…15, MEM-17). After the last one the peer can no longer reach the memory, whatever a
 * cache keeps (CACHE-12, MEM-19). Returns 0, or `SOCKET_ERROR` with `WSAEINVAL` unknown or in use (ERR-19).
 */
export type LPFN_WSPDEREGISTERRDMAMEMORY = (
  s: SOCKET,
  lpRdmaBufferDescriptor: Uint8Array,
  dwDescriptorLength: number,
  lpErrno: Out<number>,
) => number;

/**
 * Write local registered buffers into memory that the peer exposed with `MEM_WRITE`, from byte `dwTargetBufferOffset`
 * on (XFER-11, XFER-18…31). At most `SO_MAX_RDMA_SIZE` bytes and four buffers (OBS-8). `dwFlags` 0. Completes as
 * `WSPSend` does. A descriptor that is forged, stale or another connection's, or a range outside it, fails and touches
 * nothing.
 *
 * Returns 0, or `SOCKET_ERROR` with `WSA_IO_PENDING`; else `WSAENOTCONN` · `WSAECONNRESET`, `WSAECONNABORTED` ·
 * `WSAEFAULT` range or registration · `WSAEINVAL` flags, count · `WSAEACCES` not permitted by the system ·
 * `WSAENOBUFS` · `WSAENETDOWN`.
 */
export type LPFN_WSPRDMAWRITE = (
  s: SOCKET,
  lpBuffers: readonly WSABUFEX[],
  dwBufferCount: number,
  lpTargetBufferDescriptor: Uint8Array,
  dwTargetDescriptorLength: number,
  dwTargetBufferOffset: number,
  lpdwNumberOfBytesWritten: Out<number>,
  dwFlags: number,
  lpOverlapped: WSAOVERLAPPED,
  lpCompletionRoutine: LPWSAOVERLAPPED_COMPLETION_ROUTINE | null,
  lpThreadId: WSATHREADID | null,
  lpErrno: Out<number>,
) => number;

/**
 * Read from memory that the peer exposed with `MEM_READ` into local registered buffers (XFER-7, XFER-31). As
 * {@link LPFN_WSPRDMAWRITE} otherwise. A later `WSPSend` does not overtake it (OBS-13).
 */
export type LPFN_WSPRDMAREAD = (
  s: SOCKET,
  lpBuffers: readonly WSABUFEX[],
  dwBufferCount: number,
  lpTargetBufferDescriptor: Uint8Array,
  dwTargetDescriptorLength: number,
  dwTargetBufferOffset: number,
  lpdwNumberOfBytesRead: Out<number>,
  dwFlags: number,
  lpOverlapped: WSAOVERLAPPED,
  lpCompletionRoutine: LPWSAOVERLAPPED_COMPLETION_ROUTINE | null,
  lpThreadId: WSATHREADID | null,
  lpErrno: Out<number>,
) => number;

/**
 * The mapping of a range of this process is about to change: drop what is cached inside it, registration and all
 * (CACHE-6, CACHE-7, CACHE-10, CACHE-11). Called on every provider, whosever the memory is. Address as bigint, for it
 * may exceed 2^53; size in bytes.
 *
 * Returns 0, or `SOCKET_ERROR` with `WSAEFAULT` cached but could not be released · `WSAEINVAL` never cached (ERR-23).
 */
export type LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK = (
  lpvAddress: bigint,
  Size: number,
  lpErrno: Out<number>,
) => number;

/** The seven, as a switch keeps them after start-up; null = not offered, allowed for two (SW-17). */
export interface SanExtensions {
  WSPRegisterMemory: LPFN_WSPREGISTERMEMORY;
  WSPDeregisterMemory: LPFN_WSPDEREGISTERMEMORY;
  WSPRegisterRdmaMemory: LPFN_WSPREGISTERRDMAMEMORY;
  WSPDeregisterRdmaMemory: LPFN_WSPDEREGISTERRDMAMEMORY;
  WSPRdmaWrite: LPFN_WSPRDMAWRITE;
  WSPRdmaRead: LPFN_WSPRDMAREAD | null;
  WSPMemoryRegistrationCacheCallback: LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK | null;
}

/** Name, GUID and whether it must be offered, for the seven in the order the switch asks (SW-16, SW-17). */
export const SAN_EXTENSIONS: readonly { name: keyof SanExtensions; guid: GuidText; required: boolean }[] = [
  { name: 'WSPRegisterMemory', guid: WSAID_REGISTERMEMORY, required: true },
  { name: 'WSPDeregisterMemory', guid: WSAID_DEREGISTERMEMORY, required: true },
  { name: 'WSPRegisterRdmaMemory', guid: WSAID_REGISTERRDMAMEMORY, required: true },
  { name: 'WSPDeregisterRdmaMemory', guid: WSAID_DEREGISTERRDMAMEMORY, required: true },
  { name: 'WSPRdmaWrite', guid: WSAID_RDMAWRITE, required: true },
  { name: 'WSPRdmaRead', guid: WSAID_RDMAREAD, required: false },
  { name: 'WSPMemoryRegistrationCacheCallback', guid: WSAID_MEMORYREGISTRATIONCACHECALLBACK, required: false },
];
