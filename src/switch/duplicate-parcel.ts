/**
 * What travels from one switch to another when a connection changes hands (DUP-8, DUP-23): the provider's protocol info
 * with its token, the names, and the session's state. It comes from another process, so everything in it is checked.
 *
 *     u32 bytes of the head · head, JSON · bytes not read by the program · urgent ones · announced and not fetched · not sent yet
 */
import {
  decodeOffer,
  encodeOffer,
  type IncomingState,
  type Offer,
  type OutgoingState,
  type SessionState,
  URGENT_BLOCKS_MAX,
  type Unread,
  type UrgentState,
  type Word,
} from '../session/index.js';
import { AF_INET, AF_INET6, makeSockaddr, type SOCKADDR, type WSAPROTOCOL_INFOW } from '../spi/index.js';
import type { Side } from './connection.js';

/** Version of what the switches say to each other. */
const PARCEL_VERSION = 1;
const HEAD_BYTES_MAX = 64 * 1024;
const COUNTS = 9;

export interface Parcel {
  /** As `WSPDuplicateSocket` filled it: the provider, and its token. */
  readonly info: WSAPROTOCOL_INFOW;
  readonly side: Side;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly state: SessionState;
}

/** What the claimer says first. */
export interface ClaimHello {
  /** Ids of the providers that its switch has started. */
  readonly providers: readonly string[];
}

export function encodeHello(hello: ClaimHello): Uint8Array {
  return Buffer.from(JSON.stringify({ version: PARCEL_VERSION, providers: hello.providers }));
}

/** Null: nonsense, or another version. */
export function decodeHello(bytes: Uint8Array): ClaimHello | null {
  const head = parse(bytes);
  if (head === null || head['version'] !== PARCEL_VERSION) return null;
  const { providers } = head;
  return isTexts(providers) ? { providers } : null;
}

/** The answer of an owner that does not hand over: an empty parcel. */
export const REFUSAL = new Uint8Array(1);

export function isRefusal(bytes: Uint8Array): boolean {
  return bytes.length === 1;
}

export function encodeParcel({ info, side, local, remote, state }: Parcel): Uint8Array {
  const { initiator, counts, finSent, finReceived, lastIncoming, lastOutgoing } = state;
  const body: Uint8Array[] = [];
  const put = (bytes: Uint8Array): number => {
    body.push(bytes);
    return bytes.length;
  };
  const head = Buffer.from(
    JSON.stringify({
      version: PARCEL_VERSION,
      info,
      side,
      local,
      remote,
      initiator,
      counts,
      finSent,
      finReceived,
      lastIncoming,
      lastOutgoing,
      ours: hex(state.local),
      theirs: hex(state.peer),
      // Bytes are in the body, in this order; here are their lengths.
      unread: state.unread.map((item) => putUnread(item, put)),
      urgent: { ...state.urgent, waiting: state.urgent.waiting.map(put) },
      lent: state.lent.map(({ number, length, confirmed, rest }) => ({ number, length, confirmed, rest: put(rest) })),
      unsent: state.unsent.map(put),
      words: state.words.map(({ type, body: word }) => ({ type, body: put(word) })),
    }),
  );
  const size = Buffer.alloc(4);
  size.writeUInt32LE(head.length, 0);
  return Buffer.concat([size, head, ...body]);
}

function putUnread(item: Unread | IncomingState, put: (bytes: Uint8Array) => number): number | object {
  if (item instanceof Uint8Array) return put(item);
  return 'urgent' in item ? { urgent: put(item.urgent) } : putIncoming(item, put);
}

function putIncoming({ initial, ready, ...rest }: IncomingState, put: (bytes: Uint8Array) => number): object {
  const first = initial === null ? null : put(initial);
  return { ...rest, initial: first, ready: ready.map(({ memory, counted }) => ({ bytes: put(memory), counted })) };
}

/** A string tells what is wrong with it. */
export function decodeParcel(bytes: Uint8Array): Parcel | string {
  if (bytes.length < 4) return 'a parcel without a head';
  const size = Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE(0);
  if (size > HEAD_BYTES_MAX || 4 + size > bytes.length) return `a parcel with a head of ${size} bytes`;
  const head = parse(bytes.subarray(4, 4 + size));
  if (head === null || head['version'] !== PARCEL_VERSION) return 'a parcel of another version';
  const { side, initiator, counts, finSent, finReceived, lastIncoming, lastOutgoing } = head;
  const info = asInfo(head['info']);
  const local = asName(head['local']);
  const remote = asName(head['remote']);
  const ours = asOffer(head['ours']);
  const theirs = asOffer(head['theirs']);
  if (info === null || local === null || remote === null || ours === null || theirs === null) {
    return 'a parcel with names or offers that make no sense';
  }
  if (side !== 'connect' && side !== 'accept') return 'a parcel without a side';
  if (typeof initiator !== 'boolean' || typeof finSent !== 'boolean' || typeof finReceived !== 'boolean') {
    return 'a parcel with a flag missing';
  }
  if (!isCounts(counts) || !isSize(lastIncoming) || !isSize(lastOutgoing)) return 'a parcel with counts that cannot be';
  const body = new Body(bytes.subarray(4 + size));
  const unread = list(head['unread'], (item) => asUnread(item, body));
  const urgent = asUrgent(head['urgent'], body);
  const lent = list(head['lent'], (item) => asOutgoing(item, body));
  const unsent = list(head['unsent'], (item) => body.take(item));
  const words = list(head['words'], (item) => asWord(item, body));
  if (unread === null || urgent === null || lent === null || unsent === null || words === null || !body.isEmpty) {
    return 'a parcel with bytes missing, or too many';
  }
  const placed = unread.filter((item) => 'urgent' in item).length;
  if (urgent.waiting.length + placed > URGENT_BLOCKS_MAX)
    return 'a parcel with more urgent blocks than may be under way';
  const numbers = { initiator, counts, finSent, finReceived, lastIncoming, lastOutgoing };
  const lists = { unread, lent, unsent, words };
  return { info, side, local, remote, state: { ...numbers, ...lists, local: ours, peer: theirs, urgent } };
}

/** The bytes behind the head, taken from the front. */
class Body {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  /** Null: there are not so many. */
  take(length: unknown): Uint8Array | null {
    if (!isSize(length) || length > this.bytes.length - this.#at) return null;
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  get isEmpty(): boolean {
    return this.#at === this.bytes.length;
  }
}

/** Each item made into something; null if one cannot be, or it is no list. */
function list<T>(value: unknown, make: (item: unknown) => T | null): T[] | null {
  if (!Array.isArray(value)) return null;
  const made: T[] = [];
  for (const item of value) {
    const one = make(item);
    if (one === null) return null;
    made.push(one);
  }
  return made;
}

function asUnread(value: unknown, body: Body): Unread | IncomingState | null {
  if (isSize(value)) return body.take(value);
  if (typeof value !== 'object' || value === null || !('urgent' in value)) return asIncoming(value, body);
  const urgent = body.take(value.urgent);
  return urgent === null ? null : { urgent };
}

function asUrgent(value: unknown, body: Body): UrgentState | null {
  if (typeof value !== 'object' || value === null) return null;
  const { underWay, inline, mark, waiting: blocks } = value as Record<string, unknown>;
  if (!isSize(underWay) || underWay > URGENT_BLOCKS_MAX || typeof inline !== 'boolean') return null;
  if (mark !== null && (typeof mark !== 'number' || !Number.isInteger(mark))) return null;
  const waiting = list(blocks, (block) => body.take(block));
  return waiting === null ? null : { underWay, inline, mark, waiting };
}

function asIncoming(value: unknown, body: Body): IncomingState | null {
  if (typeof value !== 'object' || value === null) return null;
  const { number, length, received, delivered, initial: first, ready: parts } = value as Record<string, unknown>;
  if (!isSize(number) || !isSize(length) || !isSize(received) || !isSize(delivered)) return null;
  const initial = first === null ? null : body.take(first);
  if (received > length || delivered > received || (first !== null && initial === null)) return null;
  const ready = list(parts, (part) => {
    if (typeof part !== 'object' || part === null) return null;
    const { bytes, counted } = part as Record<string, unknown>;
    const memory = body.take(bytes);
    return memory === null || !isSize(counted) || counted > memory.length ? null : { memory, counted };
  });
  return ready === null ? null : { number, length, received, delivered, initial, ready };
}

function asOutgoing(value: unknown, body: Body): OutgoingState | null {
  if (typeof value !== 'object' || value === null) return null;
  const { number, length, confirmed, rest: bytes } = value as Record<string, unknown>;
  const rest = body.take(bytes);
  if (!isSize(number) || !isSize(length) || !isSize(confirmed) || rest === null) return null;
  return confirmed + rest.length === length ? { number, length, confirmed, rest } : null;
}

function asWord(value: unknown, body: Body): Word | null {
  if (typeof value !== 'object' || value === null) return null;
  const { type, body: bytes } = value as Record<string, unknown>;
  const word = body.take(bytes);
  return word === null || !isSize(type) || type > 255 ? null : { type, body: word };
}

function parse(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function hex(offer: Offer): string {
  return Buffer.from(encodeOffer(offer)).toString('hex');
}

function asOffer(value: unknown): Offer | null {
  if (typeof value !== 'string') return null;
  const offer = decodeOffer(Buffer.from(value, 'hex'));
  return typeof offer === 'string' ? null : offer;
}

function asName(value: unknown): SOCKADDR | null {
  if (typeof value !== 'object' || value === null) return null;
  const { sa_family: family, sin_addr: address, sin_port: port, sin6_scope_id: scope = 0 } = value as Partial<SOCKADDR>;
  if ((family !== AF_INET && family !== AF_INET6) || typeof address !== 'string' || !isSize(port)) return null;
  return port > 65535 || !isSize(scope) ? null : makeSockaddr(family, address, port, scope);
}

/** Only what the switch itself looks at is checked; the rest is for the provider that wrote it. */
function asInfo(value: unknown): WSAPROTOCOL_INFOW | null {
  if (typeof value !== 'object' || value === null) return null;
  const { ProviderId: id, dwProviderReserved: token } = value as Partial<WSAPROTOCOL_INFOW>;
  return typeof id === 'string' && isSize(token) && token > 0 && token < 2 ** 32 ? (value as WSAPROTOCOL_INFOW) : null;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === COUNTS && value.every((count) => Number.isInteger(count));
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
