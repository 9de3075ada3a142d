/**
 * The seventeen functions of a provider, with the published argument order (ws2spi.h), `lpErrno` last.
 *
 * All of them: `s` is the provider's descriptor (two-handle rule, SOCK-8); a descriptor that is not open gives
 * `WSAENOTSOCK`, whatever else is wrong, and never throws (OBS-22, CLOSE-9); before a successful `WSPStartupEx`
 * `WSANOTINITIALISED`; a failed subsystem `WSAENETDOWN`; never `WSAEINPROGRESS` (SP-22). None of them blocks. Operational
 * failures are codes, never exceptions (DESIGN D2).
 */

import type { SOCKADDR } from './address.js';
import type { WSAEVENT, WSANETWORKEVENTS } from './events.js';
import type { LPWSAOVERLAPPED_COMPLETION_ROUTINE, WSAOVERLAPPED } from './overlapped.js';
import type { WSAPROTOCOL_INFOW, WSPDATA } from './protocol-info.js';
import type { WSPPROC_TABLE } from './proc-table.js';
import type { QOS } from './qos.js';
import type { BOOL, Out, SOCKET, WSABUF, WSATHREADID } from './types.js';
import type { WSPUPCALLTABLEEX } from './upcalls.js';

/**
 * The switch's decision about one connection request; called by `WSPAccept`, synchronously, before the peer is told
 * anything (ACC-2, ACC-3). Returns `CF_ACCEPT` or `CF_REJECT`; a provider treats any other value as a rejection
 * (ACC-8, OBS-33).
 *
 * - `lpCallerId`, `lpCalleeId`: peer's and local address (OBS-32). Valid during the call.
 * - `lpCallerData`: the request's connect data, read only, at most 256 bytes (SESS-5); null if there are none.
 * - `lpCalleeData`: in: `len` = capacity (at least 256); out: `len` = bytes of reply that travel with the acceptance or
 *   the refusal; null if the provider has no `XP1_CONNECT_DATA`.
 * - `lpSQOS`, `lpGQOS`: null without QoS. `g`: reserved, null.
 * - `dwCallbackData`: what the switch gave to `WSPAccept`, opaque to the provider (ACC-9).
 */
export type LPCONDITIONPROC = (
  lpCallerId: SOCKADDR,
  lpCallerData: WSABUF | null,
  lpSQOS: QOS | null,
  lpGQOS: QOS | null,
  lpCalleeId: SOCKADDR,
  lpCalleeData: WSABUF | null,
  g: Out<number> | null,
  dwCallbackData: unknown,
) => number;

/**
 * Take the next connection request of a listening socket (ACC-1…9). `addr` gets the peer's IP address; `addrlen`: in the
 * room, out the size (as `sockaddrLength`); both may be null.
 *
 * Returns the new socket's descriptor, which inherits the listener's options, or `INVALID_SOCKET`:
 * `WSAEWOULDBLOCK` nothing is queued · `WSAECONNREFUSED` the condition function refused · `WSAECONNRESET` the caller
 * gave up meanwhile · `WSAEINVAL` not listening · `WSAEFAULT` `addrlen` too small, no condition function · `WSAEMFILE`,
 * `WSAENOBUFS` no descriptor or handle (the request stays queued). If more requests are queued, the event is signalled
 * again (ACC-6, OBS-31).
 */
export type LPWSPACCEPT = (
  s: SOCKET,
  addr: SOCKADDR | null,
  addrlen: Out<number> | null,
  lpfnCondition: LPCONDITIONPROC,
  dwCallbackData: unknown,
  lpErrno: Out<number>,
) => SOCKET;

/**
 * Give the socket its local address, translated to the native one (SOCK-12…14, ADDR-13). Port and address are real, the
 * address may be the wildcard for a listener. `namelen` in bytes.
 * Returns 0 or `SOCKET_ERROR`: `WSAEADDRNOTAVAIL` not an address of this provider · `WSAEFAULT` malformed name ·
 * `WSAEINVAL` bound already · `WSAENOBUFS`. Never `WSAEADDRINUSE`.
 */
export type LPWSPBIND = (s: SOCKET, name: SOCKADDR, namelen: number, lpErrno: Out<number>) => number;

/**
 * Undo one `WSPStartupEx`. The last one releases everything and completes what is pending with `WSA_OPERATION_ABORTED`
 * (SP-11, SP-12). Returns 0, or `SOCKET_ERROR` with `WSANOTINITIALISED`. Never `WSAEINVAL`.
 */
export type LPWSPCLEANUP = (lpErrno: Out<number>) => number;

/**
 * End the socket, connection and all (CLOSE-2…9). Pending operations complete with `WSA_OPERATION_ABORTED`, then
 * `WPUCloseSocketHandle` is the last up-call. On a listener, queued requests are refused. On a running connect, it is
 * abandoned (CONN-15). Graceful closing is the switch's business and done before.
 * Returns 0, or `SOCKET_ERROR` with `WSAENOTSOCK`, `WSAENETDOWN`. Never `WSAEWOULDBLOCK`.
 */
export type LPWSPCLOSESOCKET = (s: SOCKET, lpErrno: Out<number>) => number;

/**
 * Begin to connect, never blocking (CONN-2…5). The switch has called `WSPEventSelect(FD_CONNECT)` before; the outcome is
 * signalled and read with `WSPEnumNetworkEvents`.
 *
 * - `lpCallerData`: at most 256 bytes to travel with the request, or null; copied before this call returns.
 * - `lpCalleeData`: `len` = capacity; the provider fills it and sets `len` before it signals FD_CONNECT, also with a
 *   refusal's data. Memory and object belong to the provider until then. Null: not wanted.
 * - Both must be null for a provider without `XP1_CONNECT_DATA` (else `WSAEINVAL`, OBS-27). `lpSQOS`, `lpGQOS`: null.
 *
 * Returns 0 = connected at once, or `SOCKET_ERROR`: `WSAEWOULDBLOCK` = under way. Failures, here or in
 * `iErrorCode[FD_CONNECT_BIT]`: `WSAECONNRESET` nobody listens, `WSAECONNREFUSED` refused, `WSAEHOSTUNREACH` no such
 * destination: only if TCP/IP is sure to fail as well, for these three end the program's connect (CONN-13, CONN-14).
 * All others fall back to TCP: `WSAETIMEDOUT` no provider there or no answer, `WSAEADDRNOTAVAIL` not for this provider
 * (OBS-24, OBS-25), `WSAENETDOWN`, `WSAENOBUFS` … State errors: `WSAEALREADY`, `WSAEISCONN`, `WSAEINVAL` (listening, not
 * bound), `WSAEFAULT`.
 */
export type LPWSPCONNECT = (
  s: SOCKET,
  name: SOCKADDR,
  namelen: number,
  lpCallerData: WSABUF | null,
  lpCalleeData: WSABUF | null,
  lpSQOS: QOS | null,
  lpGQOS: QOS | null,
  lpErrno: Out<number>,
) => number;

/**
 * Prepare to hand the socket to process `dwProcessId` (DUP-18…23): put into `lpProtocolInfo.dwProviderReserved` what
 * names socket and connection for that process only, and complete pending receives with success and 0 bytes (ERR-16), now or later; then that process can attach.
 * Returns 0 or `SOCKET_ERROR`: `WSAEINVAL`, `WSAEMFILE`, `WSAENOBUFS`, `WSAENOTCONN` (OBS-41), `WSAEOPNOTSUPP`.
 */
export type LPWSPDUPLICATESOCKET = (
  s: SOCKET,
  dwProcessId: number,
  lpProtocolInfo: WSAPROTOCOL_INFOW,
  lpErrno: Out<number>,
) => number;

/**
 * What happened on the socket since the last call; resets `hEventObject` if one is given (SYNC-2). A connect's result is
 * `iErrorCode[FD_CONNECT_BIT]` (CONN-7). Returns 0 or `SOCKET_ERROR`: `WSAEINVAL`.
 */
export type LPWSPENUMNETWORKEVENTS = (
  s: SOCKET,
  hEventObject: WSAEVENT | null,
  lpNetworkEvents: WSANETWORKEVENTS,
  lpErrno: Out<number>,
) => number;

/**
 * Ask that `hEventObject` be signalled at FD_ACCEPT and/or FD_CONNECT; makes the socket nonblocking (CONN-3, SYNC-1…3).
 * Replaces what was asked before; null and 0: no more. If such an event is recorded already, it is signalled at once
 * (OBS-34). Returns 0 or `SOCKET_ERROR`: `WSAEINVAL` for any other event bit.
 */
export type LPWSPEVENTSELECT = (
  s: SOCKET,
  hEventObject: WSAEVENT | null,
  lNetworkEvents: number,
  lpErrno: Out<number>,
) => number;

/**
 * The result of an overlapped operation (XFER-26): true = succeeded, `lpcbTransfer` bytes, flags in `lpdwFlags`. False:
 * `WSA_IO_INCOMPLETE` = not finished; else the code it ended with. The switch passes `fWait` = false (OBS-17); a
 * provider answers `WSAEOPNOTSUPP` to true. May poll the transport once (OBS-17).
 */
export type LPWSPGETOVERLAPPEDRESULT = (
  s: SOCKET,
  lpOverlapped: WSAOVERLAPPED,
  lpcbTransfer: Out<number>,
  fWait: BOOL,
  lpdwFlags: Out<number>,
  lpErrno: Out<number>,
) => BOOL;

/**
 * Get an option (OPT-2, OPT-4…8, OPT-11): every published one that reaches a provider is one 32-bit number, and what
 * this project adds (sd-options.ts) is a number or a short string. `optlen`: in the room in bytes (>= 4), out the size;
 * for a string its length. Valid in any socket state.
 * Returns 0 or `SOCKET_ERROR`: `WSAENOPROTOOPT` unknown option · `WSAEINVAL` unknown level · `WSAEFAULT` too little room.
 */
export type LPWSPGETSOCKOPT = (
  s: SOCKET,
  level: number,
  optname: number,
  optval: Out<number | string>,
  optlen: Out<number>,
  lpErrno: Out<number>,
) => number;

/** Fill `lpQOS` from a named template (SP-21). A provider without QoS answers false + `WSAEOPNOTSUPP` (ERR-20). */
export type LPWSPGETQOSBYNAME = (s: SOCKET, lpQOSName: WSABUF | null, lpQOS: QOS, lpErrno: Out<number>) => BOOL;

/**
 * Control codes, see the `SIO_*` constants (OPT-9, OPT-10). The published byte counts of the two buffers do not exist
 * here, for both carry values, not bytes:
 *
 * - `SIO_GET_EXTENSION_FUNCTION_POINTER`: in a `GuidLike`; out the function (or, for `WSAID_SD_OWNEDRECEIVE`, the
 *   `OwnedReceive`). `s` is not looked at (OBS-1). `WSAEOPNOTSUPP`, `WSAEINVAL`: see there.
 * - `SIO_ADDRESS_LIST_QUERY`: in null; out a `SOCKET_ADDRESS_LIST`.
 *
 * `lpcbBytesReturned`: the size the output would have in C (8 for a pointer), 0 for none. `lpOverlapped`, completion
 * routine and thread are null: the codes that reach a provider complete at once.
 * Returns 0 or `SOCKET_ERROR`: `WSAENOPROTOOPT` for any other code (OBS-44) · `WSAEFAULT` no output given.
 */
export type LPWSPIOCTL = (
  s: SOCKET,
  dwIoControlCode: number,
  lpvInBuffer: unknown,
  lpvOutBuffer: Out<unknown>,
  lpcbBytesReturned: Out<number>,
  lpOverlapped: WSAOVERLAPPED | null,
  lpCompletionRoutine: LPWSAOVERLAPPED_COMPLETION_ROUTINE | null,
  lpThreadId: WSATHREADID | null,
  lpErrno: Out<number>,
) => number;

/**
 * Listen (LIST-3…9). `backlog`: most requests that wait; `SOMAXCONN` = the provider's maximum. Again on a listening
 * socket: changes the backlog, and a smaller one refuses the newest excess (OBS-30). A request beyond the backlog is
 * refused at once without an event (LIST-7).
 * Returns 0 or `SOCKET_ERROR`: `WSAEINVAL` not bound · `WSAEISCONN` · `WSAEMFILE` · `WSAENOBUFS`. Never
 * `WSAEADDRINUSE`, `WSAEOPNOTSUPP`.
 */
export type LPWSPLISTEN = (s: SOCKET, backlog: number, lpErrno: Out<number>) => number;

/**
 * Post a buffer for one message (XFER-18…30). Always overlapped. Buffers must lie in memory registered with
 * `WSPRegisterMemory` on `s`. Messages that came before a buffer was posted are kept and delivered first (SESS-6…8).
 * `lpFlags`: in 0; out flags, for an immediate completion. On a connection that ended, what had arrived is delivered
 * first.
 * Returns 0 = completed, the count is in `lpNumberOfBytesRecvd`, no notification; `SOCKET_ERROR` + `WSA_IO_PENDING` =
 * posted; else failed: `WSAENOTCONN` · `WSAECONNRESET`, `WSAECONNABORTED` · `WSAENETRESET` · `WSAEFAULT` not registered ·
 * `WSAEINVAL` too many buffers, a receiver is attached · `WSAENOBUFS`.
 */
export type LPWSPRECV = (
  s: SOCKET,
  lpBuffers: readonly WSABUF[],
  dwBufferCount: number,
  lpNumberOfBytesRecvd: Out<number>,
  lpFlags: Out<number>,
  lpOverlapped: WSAOVERLAPPED,
  lpCompletionRoutine: LPWSAOVERLAPPED_COMPLETION_ROUTINE | null,
  lpThreadId: WSATHREADID | null,
  lpErrno: Out<number>,
) => number;

/**
 * Send the first `dwBufferCount` buffers as one message (XFER-18…30), at most `SO_MAX_MSG_SIZE` bytes. `dwFlags` is 0
 * (OOB-4). Messages arrive whole and in order. A send behind a `WSPRdmaRead` is fenced behind it (OBS-13). Buffers lie
 * in registered memory (XFER-30), but for a provider that offers `OwnedReceive`: that one takes any memory.
 *
 * `lpOverlapped` null = the nonblocking form of the generic SPI: the message goes at once, or the call fails with
 * `WSAEWOULDBLOCK` and has taken nothing. The published switch never uses it (XFER-18); ours does, towards providers
 * that offer `OwnedReceive`, so that a message that fits needs no operation.
 *
 * Returns 0 = the bytes are copied, the buffers reusable, and they survive this process; no notification follows.
 * `SOCKET_ERROR` + `WSA_IO_PENDING` = taken over: array and memory must stay until the operation completes, by
 * `WPUCompleteOverlappedRequest` if `hEvent` bit 0 is 0. Any other code = nothing was sent: `WSAENOTCONN` ·
 * `WSAECONNRESET`, `WSAECONNABORTED` the connection is gone (OBS-14) · `WSAEMSGSIZE` · `WSAEINVAL` flags, too many
 * buffers · `WSAEFAULT` not registered (OBS-15) · `WSAENOBUFS` · `WSAENETDOWN`.
 */
export type LPWSPSEND = (
  s: SOCKET,
  lpBuffers: readonly WSABUF[],
  dwBufferCount: number,
  lpNumberOfBytesSent: Out<number>,
  dwFlags: number,
  lpOverlapped: WSAOVERLAPPED | null,
  lpCompletionRoutine: LPWSAOVERLAPPED_COMPLETION_ROUTINE | null,
  lpThreadId: WSATHREADID | null,
  lpErrno: Out<number>,
) => number;

/**
 * Set an option (OPT-3, OPT-12): the switch replays what the program had set before this socket existed (SOCK-15).
 * `optlen` in bytes (4). Returns 0 or `SOCKET_ERROR`: as get, and `WSAEINVAL` bad value · `WSAENETRESET` ·
 * `WSAENOTCONN` the connection was reset.
 */
export type LPWSPSETSOCKOPT = (
  s: SOCKET,
  level: number,
  optname: number,
  optval: number,
  optlen: number,
  lpErrno: Out<number>,
) => number;

/**
 * Make a socket (SOCK-5…11): the provider's record, then `WPUCreateSocketHandle`, then its own descriptor.
 * `lpProtocolInfo.dwProviderReserved` != 0: attach to a duplicated one (DUP-24…27); `FD_CONNECT` tells when it is there,
 * and whether. `g` reserved, 0. `dwFlags` exactly
 * `WSA_FLAG_OVERLAPPED`.
 * Returns the descriptor or `INVALID_SOCKET`: `WSAEAFNOSUPPORT` · `WSAEPROTOTYPE` · `WSAEPROTONOSUPPORT` · `WSAEINVAL`
 * flags (OBS-6) · `WSAESOCKTNOSUPPORT` · `WSAEMFILE` · `WSAENOBUFS`.
 */
export type LPWSPSOCKET = (
  af: number,
  type: number,
  protocol: number,
  lpProtocolInfo: WSAPROTOCOL_INFOW | null,
  g: number,
  dwFlags: number,
  lpErrno: Out<number>,
) => SOCKET;

/**
 * A provider's one entry point (SP-1, SW-11). The switch passes the TCP/IP provider's protocol information (SW-12), its
 * up-calls, and a table from `createProcTable` in which the provider replaces the seventeen functions (SP-7). May be
 * called again; each call is paired with a `WSPCleanup` (SP-11).
 *
 * Returns 0 or the code itself: `WSAVERNOTSUPPORTED` below 2.2 (OBS-3) · `WSASYSNOTREADY` · `WSAEPROCLIM` · `WSAEFAULT`
 * bad `lpWSPData` or `lpProcTable` · `WSAEPROVIDERFAILEDINIT` the transport does not open (OBS-4).
 */
export type LPWSPSTARTUPEX = (
  wVersionRequested: number,
  lpWSPData: WSPDATA,
  lpProtocolInfo: WSAPROTOCOL_INFOW,
  UpcallTable: WSPUPCALLTABLEEX,
  lpProcTable: WSPPROC_TABLE,
) => number;
