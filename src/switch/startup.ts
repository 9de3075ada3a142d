/**
 * Starting one SAN service provider, in the documented order (SW-11…17): WSPStartupEx with TCP/IP's protocol
 * information, a scratch WSPSocket, SIO_ADDRESS_LIST_QUERY on it, then the extensions by GUID. A provider that fails is
 * described, closed and left out; nothing is thrown.
 */
import type { CatalogEntry } from '../catalog/index.js';
import { encodeOffer, type PostedClock, PostedReceive } from '../session/index.js';
import {
  AF_INET,
  createProcTable,
  createWspData,
  type GuidText,
  INVALID_SOCKET,
  IPPROTO_TCP,
  missingProcs,
  type OwnedReceive,
  out,
  type Out,
  SAN_EXTENSIONS,
  type SanExtensions,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SOCK_STREAM,
  type SOCKET,
  WINSOCK_VERSION_2_2,
  WSA_FLAG_OVERLAPPED,
  WSAEINVAL,
  WSAEOPNOTSUPP,
  WSAID_SD_OWNEDRECEIVE,
  wsaName,
  type WSAPROTOCOL_INFOW,
  WSASYSNOTREADY,
  type WSPPROC_TABLE,
  XP1_CONNECT_DATA,
  XP1_CONNECTIONLESS,
  XP1_QOS_SUPPORTED,
} from '../spi/index.js';
import type { HandleOwner, HandleTable } from './handle-table.js';
import { makeOffer, type SessionSettings } from './offer.js';
import type { RouteReason } from './reasons.js';
import { isAddressList, SanProvider } from './san-provider.js';
import { makeUpcalls } from './upcalls.js';

/** A provider that did not start, and why. */
export interface RefusedProvider {
  readonly id: GuidText;
  /** The entry that was tried: another one of the same id is worth another try. */
  readonly catalogEntryId: number;
  readonly name: string;
  readonly reason: RouteReason;
  /** In words, for people. */
  readonly detail: string;
}

const OWNED_RECEIVE: readonly (keyof OwnedReceive)[] = [
  'SdpSetReceiver',
  'SdpSetConsumed',
  'SdpPeerConsumed',
  'SdpBeginExit',
  'SdpEndExit',
  'SdpPeerOf',
];

const errno = out(0);
const bytesReturned = out(0);
const answer: Out<unknown> = out<unknown>(null);

/** A reason to refuse the provider; thrown and caught in this file only. */
class Refusal extends Error {
  constructor(
    readonly reason: RouteReason,
    message: string,
  ) {
    super(message);
  }
}

export function startProvider(
  entry: CatalogEntry,
  tcpip: WSAPROTOCOL_INFOW,
  handles: HandleTable,
  settings: SessionSettings,
  clock: PostedClock,
): SanProvider | RefusedProvider {
  const { info } = entry;
  const owner: HandleOwner = { catalogEntryId: info.dwCatalogEntryId, createdHandle: INVALID_SOCKET };
  const procs = createProcTable();
  let started = false;
  let scratch: SOCKET = INVALID_SOCKET;
  try {
    checkInfo(info);
    const data = createWspData();
    const module = entry.load();
    const code = module.WSPStartupEx(WINSOCK_VERSION_2_2, data, tcpip, makeUpcalls(handles, owner), procs);
    if (code !== 0) throw startupFailure(code, data.szDescription);
    started = true;
    if (data.wVersion !== WINSOCK_VERSION_2_2) throw refuse(`it wants SPI version 0x${data.wVersion.toString(16)}`);
    const missing = missingProcs(procs);
    if (missing.length > 0) throw refuse(`it lacks ${missing.join(', ')}`);
    scratch = makeScratch(procs, info, owner);
    checkAddressQuery(procs, scratch);
    const extensions = fetchExtensions(procs, scratch);
    const owned = fetchOwnedReceive(procs, scratch);
    const through = owned === null ? new PostedReceive(procs, extensions, clock) : { procs, receive: owned };
    const offer = makeOffer(procs, scratch, extensions, settings, owned === null);
    if (typeof offer === 'string') throw refuse(offer);
    const bytes = encodeOffer(offer);
    return new SanProvider({
      id: info.ProviderId,
      name: info.szProtocol,
      qos: (info.dwServiceFlags1 & XP1_QOS_SUPPORTED) !== 0,
      owner,
      procs: through.procs,
      extensions,
      receive: through.receive,
      posted: owned === null,
      // Buffers can be posted only when the socket is there, and that is when connect data have said already that all is well
      // (SESS-3): whoever then gets no memory could not refuse any more.
      connectData: owned !== null && (info.dwServiceFlags1 & XP1_CONNECT_DATA) !== 0,
      scratch,
      offer,
      offerData: { len: bytes.length, buf: bytes },
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    if (started) undo(procs, scratch);
    handles.closeAll(owner);
    const reason = error instanceof Refusal ? error.reason : 'provider-failed';
    return { id: info.ProviderId, catalogEntryId: info.dwCatalogEntryId, name: info.szProtocol, reason, detail };
  }
}

function refuse(detail: string): Refusal {
  return new Refusal('provider-failed', detail);
}

/** SP-20. */
function checkInfo(info: WSAPROTOCOL_INFOW): void {
  if ((info.dwServiceFlags1 & XP1_CONNECTIONLESS) !== 0) throw refuse('it is connectionless');
}

/** A provider may say in `szDescription` what is missing; the code alone is too coarse for people. */
function startupFailure(code: number, description: string): Refusal {
  const reason = code === WSASYSNOTREADY ? 'kernel-unsupported' : 'provider-failed';
  return new Refusal(reason, `WSPStartupEx: ${wsaName(code)}${description === '' ? '' : ` (${description})`}`);
}

/** A socket merely to issue control codes on (SW-14). It too must follow the two-handle rule (SOCK-6). */
function makeScratch(procs: WSPPROC_TABLE, info: WSAPROTOCOL_INFOW, owner: HandleOwner): SOCKET {
  const s = procs.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, info, 0, WSA_FLAG_OVERLAPPED, errno);
  if (s === INVALID_SOCKET) throw refuse(`WSPSocket: ${wsaName(errno.value)}`);
  if (owner.createdHandle !== INVALID_SOCKET) return s;
  procs.lpWSPCloseSocket(s, errno);
  throw refuse('its WSPSocket does not call WPUCreateSocketHandle');
}

function checkAddressQuery(procs: WSPPROC_TABLE, s: SOCKET): void {
  const code = ask(procs, s, SIO_ADDRESS_LIST_QUERY, null);
  if (code !== 0) throw refuse(`SIO_ADDRESS_LIST_QUERY: ${wsaName(code)}`);
  if (!isAddressList(answer.value)) throw refuse('SIO_ADDRESS_LIST_QUERY: no SOCKET_ADDRESS_LIST');
}

/** The seven by GUID; `WSAEOPNOTSUPP` is accepted for exactly two of them (SW-16, SW-17). */
function fetchExtensions(procs: WSPPROC_TABLE, s: SOCKET): SanExtensions {
  const found: Record<string, unknown> = {};
  for (const { name, guid, required } of SAN_EXTENSIONS) {
    const code = ask(procs, s, SIO_GET_EXTENSION_FUNCTION_POINTER, guid);
    if (code === WSAEOPNOTSUPP && !required) {
      found[name] = null;
      continue;
    }
    if (code !== 0) throw refuse(`${name}: ${wsaName(code)}`);
    if (typeof answer.value !== 'function') throw refuse(`${name}: not a function`);
    found[name] = answer.value;
  }
  // Every name of the table was filled above, with a function or, where allowed, null.
  return found as unknown as SanExtensions;
}

/** Null: it does not own receive buffers, so they are posted (src/session/posted). */
function fetchOwnedReceive(procs: WSPPROC_TABLE, s: SOCKET): OwnedReceive | null {
  const code = ask(procs, s, SIO_GET_EXTENSION_FUNCTION_POINTER, WSAID_SD_OWNEDRECEIVE);
  if (code === WSAEOPNOTSUPP || code === WSAEINVAL) return null;
  if (code !== 0) throw refuse(`owned receive: ${wsaName(code)}`);
  const found = answer.value as Partial<Record<string, unknown>> | null;
  const missing = OWNED_RECEIVE.filter((name) => typeof found?.[name] !== 'function');
  if (missing.length > 0) throw refuse(`owned receive lacks ${missing.join(', ')}`);
  return found as unknown as OwnedReceive;
}

/** One control code; the result is in `answer`. Returns 0 or the code. */
function ask(procs: WSPPROC_TABLE, s: SOCKET, ioctl: number, input: unknown): number {
  answer.value = null;
  return procs.lpWSPIoctl(s, ioctl, input, answer, bytesReturned, null, null, null, errno) === 0 ? 0 : errno.value;
}

function undo(procs: WSPPROC_TABLE, scratch: SOCKET): void {
  try {
    if (scratch !== INVALID_SOCKET) procs.lpWSPCloseSocket(scratch, errno);
    procs.lpWSPCleanup(errno);
  } catch {
    // A provider that breaks the contract so far as to throw is left as it is: it is out already.
  }
}
