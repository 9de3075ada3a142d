/** A SAN service provider that the switch has started (startup.ts), and the calls that many places make on it. */
import type { Offer } from '../session/index.js';
import {
  createNetworkEvents,
  type GuidText,
  INVALID_SOCKET,
  type OwnedReceive,
  out,
  type Out,
  type SanExtensions,
  SIO_ADDRESS_LIST_QUERY,
  SIO_SD_ASK_ANOTHER,
  SIO_SD_LISTENER_HINT,
  SO_SD_CONNECT_DETAIL,
  type SOCKADDR,
  type SOCKET,
  type SOCKET_ADDRESS_LIST,
  SOL_SOCKET,
  type WSABUF,
  WSAEADDRNOTAVAIL,
  type WSAEVENT,
  type WSANETWORKEVENTS,
  type WSPPROC_TABLE,
} from '../spi/index.js';
import type { HandleOwner } from './handle-table.js';
import { isRouteReason, type RouteReason } from './reasons.js';

const errno = out(0);
const optlen = out(0);
const bytesReturned = out(0);
const answer: Out<unknown> = out<unknown>(null);
const word: Out<number | string> = out<number | string>('');
const networkEvents = createNetworkEvents();

/** What a started provider is made of. */
export interface SanProviderParts {
  readonly id: GuidText;
  readonly name: string;
  /** It supports quality of service (`XP1_QOS_SUPPORTED`, SP-20). */
  readonly qos: boolean;
  readonly owner: HandleOwner;
  readonly procs: WSPPROC_TABLE;
  readonly extensions: SanExtensions;
  /** Its own, or that of src/session/posted; `procs` then goes with it. */
  readonly receive: OwnedReceive;
  /** `receive` is that of src/session/posted. */
  readonly posted: boolean;
  /** It carries connect data and owns receive buffers, so the session is negotiated in them; else in messages (SESS-2, SESS-3). */
  readonly connectData: boolean;
  /** The socket that control codes are issued on (SW-14); stays open for the next address query (ADDR-10). */
  readonly scratch: SOCKET;
  /** Our half of every negotiation over this provider, and its bytes, shared by all connects. */
  readonly offer: Offer;
  readonly offerData: WSABUF;
}

export class SanProvider {
  readonly id: GuidText;
  readonly name: string;
  readonly qos: boolean;
  readonly owner: HandleOwner;
  readonly procs: WSPPROC_TABLE;
  readonly extensions: SanExtensions;
  readonly receive: OwnedReceive;
  readonly posted: boolean;
  readonly connectData: boolean;
  readonly scratch: SOCKET;
  readonly offer: Offer;
  readonly offerData: WSABUF;
  /** Its connections and connects under way. */
  #users = 0;
  /** It answers `mayReach`. */
  #hints = true;
  #removed = false;
  #ended = false;

  constructor(parts: SanProviderParts) {
    this.id = parts.id;
    this.name = parts.name;
    this.qos = parts.qos;
    this.owner = parts.owner;
    this.procs = parts.procs;
    this.extensions = parts.extensions;
    this.receive = parts.receive;
    this.posted = parts.posted;
    this.connectData = parts.connectData;
    this.scratch = parts.scratch;
    this.offer = parts.offer;
    this.offerData = parts.offerData;
  }

  /** The IP addresses of its NICs (SP-13); empty if it cannot tell. */
  addressList(): SOCKET_ADDRESS_LIST {
    answer.value = null;
    const code = SIO_ADDRESS_LIST_QUERY;
    try {
      const result = this.procs.lpWSPIoctl(this.scratch, code, null, answer, bytesReturned, null, null, null, errno);
      if (result === 0 && isAddressList(answer.value)) return answer.value;
    } catch {
      // A provider that throws breaks the contract: as one that cannot tell.
    }
    return { iAddressCount: 0, Address: [] };
  }

  /** Whether anybody on a remote port may be reached here, asked before anything is made; true if it cannot tell. */
  mayReach(remote: SOCKADDR): boolean {
    if (!this.#hints) return true;
    const code = SIO_SD_LISTENER_HINT;
    const { scratch, procs } = this;
    try {
      if (procs.lpWSPIoctl(scratch, code, remote, answer, bytesReturned, null, null, null, errno) === 0) return true;
    } catch {
      return true; // a provider that throws: the connect itself will say so
    }
    if (errno.value === WSAEADDRNOTAVAIL) return false;
    this.#hints = false; // it does not know the code
    return true;
  }

  /** What happened on a socket since the last call; the object is good until the next. Null: the provider fails. */
  networkEvents(s: SOCKET, event: WSAEVENT): WSANETWORKEVENTS | null {
    return this.procs.lpWSPEnumNetworkEvents(s, event, networkEvents, errno) === 0 ? networkEvents : null;
  }

  /** Why a connect failed, if the provider knows it finer than by a code (D9). */
  connectDetail(s: SOCKET): RouteReason | null {
    optlen.value = 4;
    const result = this.procs.lpWSPGetSockOpt(s, SOL_SOCKET, SO_SD_CONNECT_DETAIL, word, optlen, errno);
    return result === 0 && isRouteReason(word.value) ? word.value : null;
  }

  /** Who was asked for a connection does not answer: whether the provider has asked another one that serves the listener. */
  askAnother(s: SOCKET): boolean {
    const code = SIO_SD_ASK_ANOTHER;
    try {
      return this.procs.lpWSPIoctl(s, code, null, answer, bytesReturned, null, null, null, errno) === 0;
    } catch {
      return false; // a provider that throws: TCP goes on
    }
  }

  /** Ends a socket. */
  close(s: SOCKET): void {
    if (s === INVALID_SOCKET) return;
    try {
      this.procs.lpWSPCloseSocket(s, errno);
    } catch {
      // Whatever the provider answers, even by breaking the contract, we are done with the socket.
    }
  }

  /** A connection or connect begins, or ends. */
  retain(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#removed && this.#users === 0) this.cleanup();
  }

  /** Taken out of the catalog: nothing new is made on it, and what is there goes on to its end. */
  remove(): void {
    this.#removed = true;
    if (this.#users === 0) this.cleanup();
  }

  /** Whether it has had its last call. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The last call: everything that is left goes (SP-12). */
  cleanup(): void {
    this.#ended = true;
    this.close(this.scratch);
    try {
      this.procs.lpWSPCleanup(errno);
    } catch {
      // It was the last call: whatever it left is its own affair.
    }
  }
}

/** A provider's answer is checked like any foreign value: its module is not ours. */
export function isAddressList(value: unknown): value is SOCKET_ADDRESS_LIST {
  if (typeof value !== 'object' || value === null) return false;
  const { Address } = value as Partial<SOCKET_ADDRESS_LIST>;
  return (
    Array.isArray(Address) &&
    Address.every((entry: unknown) => {
      const name = (entry as { lpSockaddr?: { sa_family?: unknown; sin_addr?: unknown } } | null)?.lpSockaddr;
      return typeof name?.sa_family === 'number' && typeof name.sin_addr === 'string';
    })
  );
}
