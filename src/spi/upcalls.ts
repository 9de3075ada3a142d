/**
 * The up-call table: what a provider may call on the switch. It gets the table in `WSPStartupEx` and makes every
 * up-call through it (SW-13), with the switch's handle of the socket, not its own (two-handle rule, SOCK-8).
 *
 * Slots and their order: WSPUPCALLTABLEEX of ws2san.h, sixteen; the plain table of ws2spi.h plus the last (TRAP-3).
 */

import { WSA_INVALID_PARAMETER, WSAEOPNOTSUPP } from './errors.js';
import { createEvent, resetEvent, setEvent, type WSAEVENT } from './events.js';
import type { GuidText } from './guid.js';
import type { WSAOVERLAPPED } from './overlapped.js';
import { type BOOL, INVALID_SOCKET, type Out, type SOCKET, SOCKET_ERROR, type WSATHREADID } from './types.js';

/** Closes an event object; its waiter is never called again. False: `WSA_INVALID_PARAMETER`. */
export type LPWPUCLOSEEVENT = (hEvent: WSAEVENT, lpErrno: Out<number>) => BOOL;

/**
 * The very last up-call for a socket, after all its completions; then the provider forgets the handle (CLOSE-6).
 * Returns 0, or `SOCKET_ERROR` with `WSAENOTSOCK` if the handle is not from `WPUCreateSocketHandle` (CLOSE-11).
 */
export type LPWPUCLOSESOCKETHANDLE = (s: SOCKET, lpErrno: Out<number>) => number;

/** Makes an event object, not signalled. Null: `lpErrno` says why (`WSA_NOT_ENOUGH_MEMORY`). */
export type LPWPUCREATEEVENT = (lpErrno: Out<number>) => WSAEVENT | null;

/**
 * Makes the switch's handle for a socket that the provider is creating, in `WSPSocket` and in an accepting `WSPAccept`
 * (SOCK-6, ACC-4). `dwContext` is the provider's own and comes back from `WPUQuerySocketHandleContext`.
 * `INVALID_SOCKET`: `lpErrno` says why (`WSAENOBUFS`, `WSAENOTINITIALISED`).
 */
export type LPWPUCREATESOCKETHANDLE = (dwCatalogEntryId: number, dwContext: unknown, lpErrno: Out<number>) => SOCKET;

/** Whether `s` is in a select set. Not used under the switch (SYNC-1). */
export type LPWPUFDISSET = (s: SOCKET, fdset: ReadonlySet<SOCKET>) => number;

/** Where a provider's module is: its path, by provider id. Returns 0 or `SOCKET_ERROR`. */
export type LPWPUGETPROVIDERPATH = (
  lpProviderId: GuidText,
  lpszProviderDllPath: Out<string>,
  lpProviderDllPathLen: Out<number>,
  lpErrno: Out<number>,
) => number;

/** Turns a file handle into a socket handle. For providers with `XP1_IFS_HANDLES`, so not for a SAN provider (SP-20). */
export type LPWPUMODIFYIFSHANDLE = (dwCatalogEntryId: number, ProposedHandle: SOCKET, lpErrno: Out<number>) => SOCKET;

/** Posts a window message. Nothing on this system has windows. */
export type LPWPUPOSTMESSAGE = (hWnd: number, Msg: number, wParam: number, lParam: number) => BOOL;

/** The blocking hook of a thread. Not used: the switch never blocks in a provider (BLOCK-1). */
export type LPWPUQUERYBLOCKINGCALLBACK = (
  dwCatalogEntryId: number,
  lplpfnCallback: Out<((dwContext: unknown) => BOOL) | null>,
  lpdwContext: Out<unknown>,
  lpErrno: Out<number>,
) => number;

/** The `dwContext` the provider gave for this handle. Returns 0, or `SOCKET_ERROR` with `WSAENOTSOCK`. */
export type LPWPUQUERYSOCKETHANDLECONTEXT = (s: SOCKET, lpContext: Out<unknown>, lpErrno: Out<number>) => number;

/** Queues a procedure to a thread. Not used: no completion routines under the switch (XFER-19). */
export type LPWPUQUEUEAPC = (
  lpThreadId: WSATHREADID,
  lpfnUserApc: (dwContext: unknown) => void,
  dwContext: unknown,
  lpErrno: Out<number>,
) => number;

/** Makes an event object not signalled (ACC-6). False: `WSA_INVALID_PARAMETER`. */
export type LPWPURESETEVENT = (hEvent: WSAEVENT, lpErrno: Out<number>) => BOOL;

/** Signals an event object (CONN-6, LIST-5); calls its waiter before it returns. False: `WSA_INVALID_PARAMETER`. */
export type LPWPUSETEVENT = (hEvent: WSAEVENT, lpErrno: Out<number>) => BOOL;

/** Opens the caller's thread. Not used: no completion routines under the switch (XFER-19). */
export type LPWPUOPENCURRENTTHREAD = (lpThreadId: WSATHREADID, lpErrno: Out<number>) => number;

/** Closes what `WPUOpenCurrentThread` opened. Not used. */
export type LPWPUCLOSETHREAD = (lpThreadId: WSATHREADID, lpErrno: Out<number>) => number;

/**
 * Ends an overlapped operation whose `hEvent` bit 0 is 0 (XFER-23). The provider writes `Offset` (flags) first; this
 * call writes `OffsetHigh` = `dwError`, `InternalHigh` = `cbTransferred`, and last `Internal` (XFER-27). The provider
 * has by then released what the operation held (CLOSE-5) and left its critical sections, for the switch may call it
 * from in here (OBS-20). Returns 0, or `SOCKET_ERROR` with `WSAENOTSOCK` for an unknown handle.
 */
export type LPWPUCOMPLETEOVERLAPPEDREQUEST = (
  s: SOCKET,
  lpOverlapped: WSAOVERLAPPED,
  dwError: number,
  cbTransferred: number,
  lpErrno: Out<number>,
) => number;

/** The table itself. The switch owns it; a provider keeps the reference until its last `WSPCleanup`. [REF ff566321] */
export interface WSPUPCALLTABLEEX {
  lpWPUCloseEvent: LPWPUCLOSEEVENT;
  lpWPUCloseSocketHandle: LPWPUCLOSESOCKETHANDLE;
  lpWPUCreateEvent: LPWPUCREATEEVENT;
  lpWPUCreateSocketHandle: LPWPUCREATESOCKETHANDLE;
  lpWPUFDIsSet: LPWPUFDISSET;
  lpWPUGetProviderPath: LPWPUGETPROVIDERPATH;
  lpWPUModifyIFSHandle: LPWPUMODIFYIFSHANDLE;
  lpWPUPostMessage: LPWPUPOSTMESSAGE;
  lpWPUQueryBlockingCallback: LPWPUQUERYBLOCKINGCALLBACK;
  lpWPUQuerySocketHandleContext: LPWPUQUERYSOCKETHANDLECONTEXT;
  lpWPUQueueApc: LPWPUQUEUEAPC;
  lpWPUResetEvent: LPWPURESETEVENT;
  lpWPUSetEvent: LPWPUSETEVENT;
  lpWPUOpenCurrentThread: LPWPUOPENCURRENTTHREAD;
  lpWPUCloseThread: LPWPUCLOSETHREAD;
  lpWPUCompleteOverlappedRequest: LPWPUCOMPLETEOVERLAPPEDREQUEST;
}

/** The slots in their published order. */
export const UPCALL_SLOTS: readonly (keyof WSPUPCALLTABLEEX)[] = [
  'lpWPUCloseEvent',
  'lpWPUCloseSocketHandle',
  'lpWPUCreateEvent',
  'lpWPUCreateSocketHandle',
  'lpWPUFDIsSet',
  'lpWPUGetProviderPath',
  'lpWPUModifyIFSHandle',
  'lpWPUPostMessage',
  'lpWPUQueryBlockingCallback',
  'lpWPUQuerySocketHandleContext',
  'lpWPUQueueApc',
  'lpWPUResetEvent',
  'lpWPUSetEvent',
  'lpWPUOpenCurrentThread',
  'lpWPUCloseThread',
  'lpWPUCompleteOverlappedRequest',
];

/** The up-calls that a switch must supply itself; the others have a default in {@link createUpcallTable}. */
export type SwitchUpcalls = Pick<
  WSPUPCALLTABLEEX,
  | 'lpWPUCloseSocketHandle'
  | 'lpWPUCreateSocketHandle'
  | 'lpWPUQuerySocketHandleContext'
  | 'lpWPUCompleteOverlappedRequest'
>;

/**
 * Makes a whole table from a switch's own up-calls: the event functions work as events.ts says, and those with no
 * meaning on this system answer failure with `WSAEOPNOTSUPP`. `own` may replace any of them. The result has the slots
 * in their published order.
 */
export function createUpcallTable(own: SwitchUpcalls & Partial<WSPUPCALLTABLEEX>): WSPUPCALLTABLEEX {
  return {
    lpWPUCloseEvent: own.lpWPUCloseEvent ?? closeEvent,
    lpWPUCloseSocketHandle: own.lpWPUCloseSocketHandle,
    lpWPUCreateEvent: own.lpWPUCreateEvent ?? createEvent,
    lpWPUCreateSocketHandle: own.lpWPUCreateSocketHandle,
    lpWPUFDIsSet: own.lpWPUFDIsSet ?? ((s, fdset) => (fdset.has(s) ? 1 : 0)),
    lpWPUGetProviderPath: own.lpWPUGetProviderPath ?? ((_id, _path, _length, lpErrno) => unsupported(lpErrno)),
    lpWPUModifyIFSHandle:
      own.lpWPUModifyIFSHandle ??
      ((_entry, _handle, lpErrno) => {
        unsupported(lpErrno);
        return INVALID_SOCKET;
      }),
    lpWPUPostMessage: own.lpWPUPostMessage ?? (() => false),
    lpWPUQueryBlockingCallback:
      own.lpWPUQueryBlockingCallback ?? ((_entry, _callback, _context, lpErrno) => unsupported(lpErrno)),
    lpWPUQuerySocketHandleContext: own.lpWPUQuerySocketHandleContext,
    lpWPUQueueApc: own.lpWPUQueueApc ?? ((_thread, _apc, _context, lpErrno) => unsupported(lpErrno)),
    lpWPUResetEvent: own.lpWPUResetEvent ?? eventUpcall(resetEvent),
    lpWPUSetEvent: own.lpWPUSetEvent ?? eventUpcall(setEvent),
    lpWPUOpenCurrentThread: own.lpWPUOpenCurrentThread ?? ((_thread, lpErrno) => unsupported(lpErrno)),
    lpWPUCloseThread: own.lpWPUCloseThread ?? ((_thread, lpErrno) => unsupported(lpErrno)),
    lpWPUCompleteOverlappedRequest: own.lpWPUCompleteOverlappedRequest,
  };
}

const closeEvent = eventUpcall((hEvent) => {
  hEvent.signalled = false;
  hEvent.onSet = null;
});

function eventUpcall(act: (hEvent: WSAEVENT) => void): LPWPUSETEVENT {
  return (hEvent, lpErrno) => {
    if (!isObject(hEvent)) {
      lpErrno.value = WSA_INVALID_PARAMETER;
      return false;
    }
    act(hEvent);
    return true;
  };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function unsupported(lpErrno: Out<number>): number {
  lpErrno.value = WSAEOPNOTSUPP;
  return SOCKET_ERROR;
}
