/**
 * The table that `WSPStartupEx` fills: 30 slots in the published order, seventeen with functions and thirteen null
 * (SP-7, SP-8). [HDR: ws2spi.h] [REF ff566301]
 */

import { WSAEOPNOTSUPP, WSANOTINITIALISED } from './errors.js';
import type {
  LPWSPACCEPT,
  LPWSPBIND,
  LPWSPCLEANUP,
  LPWSPCLOSESOCKET,
  LPWSPCONNECT,
  LPWSPDUPLICATESOCKET,
  LPWSPENUMNETWORKEVENTS,
  LPWSPEVENTSELECT,
  LPWSPGETOVERLAPPEDRESULT,
  LPWSPGETQOSBYNAME,
  LPWSPGETSOCKOPT,
  LPWSPIOCTL,
  LPWSPLISTEN,
  LPWSPRECV,
  LPWSPSEND,
  LPWSPSETSOCKOPT,
  LPWSPSOCKET,
  LPWSPSTARTUPEX,
} from './proc-types.js';
import type { WSAPROTOCOL_INFOW } from './protocol-info.js';
import { type Out, SOCKET_ERROR } from './types.js';

/** The seventeen functions a provider supplies (SP-7). */
export interface WspProcs {
  lpWSPAccept: LPWSPACCEPT;
  lpWSPBind: LPWSPBIND;
  lpWSPCleanup: LPWSPCLEANUP;
  lpWSPCloseSocket: LPWSPCLOSESOCKET;
  lpWSPConnect: LPWSPCONNECT;
  lpWSPDuplicateSocket: LPWSPDUPLICATESOCKET;
  lpWSPEnumNetworkEvents: LPWSPENUMNETWORKEVENTS;
  lpWSPEventSelect: LPWSPEVENTSELECT;
  lpWSPGetOverlappedResult: LPWSPGETOVERLAPPEDRESULT;
  lpWSPGetSockOpt: LPWSPGETSOCKOPT;
  lpWSPGetQOSByName: LPWSPGETQOSBYNAME;
  lpWSPIoctl: LPWSPIOCTL;
  lpWSPListen: LPWSPLISTEN;
  lpWSPRecv: LPWSPRECV;
  lpWSPSend: LPWSPSEND;
  lpWSPSetSockOpt: LPWSPSETSOCKOPT;
  lpWSPSocket: LPWSPSOCKET;
}

/** The thirteen slots that stay null: the switch or TCP/IP does this work, and never calls them (SP-8). */
export interface WspNullSlots {
  lpWSPAddressToString: null;
  lpWSPAsyncSelect: null;
  lpWSPCancelBlockingCall: null;
  lpWSPGetPeerName: null;
  lpWSPGetSockName: null;
  lpWSPJoinLeaf: null;
  lpWSPRecvDisconnect: null;
  lpWSPRecvFrom: null;
  lpWSPSelect: null;
  lpWSPSendDisconnect: null;
  lpWSPSendTo: null;
  lpWSPShutdown: null;
  lpWSPStringToAddress: null;
}

/** The whole table. */
export interface WSPPROC_TABLE extends WspProcs, WspNullSlots {}

/** All thirty slots in their published order. */
export const PROC_TABLE_SLOTS: readonly (keyof WSPPROC_TABLE)[] = [
  'lpWSPAccept',
  'lpWSPAddressToString',
  'lpWSPAsyncSelect',
  'lpWSPBind',
  'lpWSPCancelBlockingCall',
  'lpWSPCleanup',
  'lpWSPCloseSocket',
  'lpWSPConnect',
  'lpWSPDuplicateSocket',
  'lpWSPEnumNetworkEvents',
  'lpWSPEventSelect',
  'lpWSPGetOverlappedResult',
  'lpWSPGetPeerName',
  'lpWSPGetSockName',
  'lpWSPGetSockOpt',
  'lpWSPGetQOSByName',
  'lpWSPIoctl',
  'lpWSPJoinLeaf',
  'lpWSPListen',
  'lpWSPRecv',
  'lpWSPRecvDisconnect',
  'lpWSPRecvFrom',
  'lpWSPSelect',
  'lpWSPSend',
  'lpWSPSendDisconnect',
  'lpWSPSendTo',
  'lpWSPSetSockOpt',
  'lpWSPShutdown',
  'lpWSPSocket',
  'lpWSPStringToAddress',
];

/** The thirteen null slots, in table order (SP-8). */
export const NULL_SLOTS: readonly (keyof WspNullSlots)[] = [
  'lpWSPAddressToString',
  'lpWSPAsyncSelect',
  'lpWSPCancelBlockingCall',
  'lpWSPGetPeerName',
  'lpWSPGetSockName',
  'lpWSPJoinLeaf',
  'lpWSPRecvDisconnect',
  'lpWSPRecvFrom',
  'lpWSPSelect',
  'lpWSPSendDisconnect',
  'lpWSPSendTo',
  'lpWSPShutdown',
  'lpWSPStringToAddress',
];

/** The seventeen slots a provider fills, in table order (SP-7). */
export const PROC_SLOTS: readonly (keyof WspProcs)[] = PROC_TABLE_SLOTS.filter(
  (slot): slot is keyof WspProcs => !(NULL_SLOTS as readonly string[]).includes(slot),
);

/**
 * Makes a table for `WSPStartupEx` to fill: thirteen nulls, and in the other slots functions that fail with
 * `WSANOTINITIALISED`, so that a slot the provider forgot gives a code and not an exception.
 */
export function createProcTable(): WSPPROC_TABLE {
  return {
    lpWSPAccept: notInitialised,
    lpWSPAddressToString: null,
    lpWSPAsyncSelect: null,
    lpWSPBind: notInitialised,
    lpWSPCancelBlockingCall: null,
    lpWSPCleanup: notInitialised,
    lpWSPCloseSocket: notInitialised,
    lpWSPConnect: notInitialised,
    lpWSPDuplicateSocket: notInitialised,
    lpWSPEnumNetworkEvents: notInitialised,
    lpWSPEventSelect: notInitialised,
    lpWSPGetOverlappedResult: notInitialisedBool,
    lpWSPGetPeerName: null,
    lpWSPGetSockName: null,
    lpWSPGetSockOpt: notInitialised,
    lpWSPGetQOSByName: notInitialisedBool,
    lpWSPIoctl: notInitialised,
    lpWSPJoinLeaf: null,
    lpWSPListen: notInitialised,
    lpWSPRecv: notInitialised,
    lpWSPRecvDisconnect: null,
    lpWSPRecvFrom: null,
    lpWSPSelect: null,
    lpWSPSend: notInitialised,
    lpWSPSendDisconnect: null,
    lpWSPSendTo: null,
    lpWSPSetSockOpt: notInitialised,
    lpWSPShutdown: null,
    lpWSPSocket: notInitialised,
    lpWSPStringToAddress: null,
  };
}

/**
 * Which of the seventeen a provider left out (or filled with something that is no function). Empty = complete. The
 * switch refuses an incomplete provider with `WSAEINVALIDPROVIDER`.
 */
export function missingProcs(table: WSPPROC_TABLE): (keyof WspProcs)[] {
  return PROC_SLOTS.filter((slot) => {
    const proc: unknown = table[slot];
    return typeof proc !== 'function' || LEFT in proc;
  });
}

/** `WSPGetQOSByName` of a provider without QoS (SP-21, ERR-20): false + `WSAEOPNOTSUPP`. */
export const noQosByName: LPWSPGETQOSBYNAME = (_s, _name, _qos, lpErrno) => {
  lpErrno.value = WSAEOPNOTSUPP;
  return false;
};

/**
 * What a provider's module exports, and what the catalog holds: the entry point (SP-1) and the description it is
 * installed with (SP-16…18, SP-20). `protocolInfo` must not change afterwards.
 */
export interface ProviderModule {
  readonly WSPStartupEx: LPWSPSTARTUPEX;
  readonly protocolInfo: WSAPROTOCOL_INFOW;
}

/** On what `createProcTable` fills slots with: a provider may have got its table from another copy of this package. */
const LEFT = Symbol.for('sockets-direct.notInitialised');

function notInitialised(...args: unknown[]): number {
  setNotInitialised(args);
  return SOCKET_ERROR;
}

function notInitialisedBool(...args: unknown[]): boolean {
  setNotInitialised(args);
  return false;
}

for (const proc of [notInitialised, notInitialisedBool]) Object.defineProperty(proc, LEFT, { value: true });

/** `lpErrno` is the last argument of every function. */
function setNotInitialised(args: readonly unknown[]): void {
  const lpErrno = args.at(-1);
  if (typeof lpErrno === 'object' && lpErrno !== null) (lpErrno as Out<number>).value = WSANOTINITIALISED;
}
