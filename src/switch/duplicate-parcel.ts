/**
 * What travels from one switch to another when a connection changes hands (DUP-8, DUP-23): the provider's protocol info
 * with its token, the names, and the session's state. It comes from another process, so everything in it is checked.
 *
 *     u32 bytes of the head · head, JSON · bytes not read by the program · bytes not sent yet
 */
import { decodeOffer, encodeOffer, type Offer, type SessionState } from '../session/index.js';
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
  const { unread, unsent, initiator, counts, finSent, finReceived } = state;
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
      ours: hex(state.local),
      theirs: hex(state.peer),
      unread: sizeOf(unread),
      unsent: sizeOf(unsent),
    }),
  );
  const size = Buffer.alloc(4);
  size.writeUInt32LE(head.length, 0);
  return Buffer.concat([size, head, ...unread, ...unsent]);
}

/** A string tells what is wrong with it. */
export function decodeParcel(bytes: Uint8Array): Parcel | string {
  if (bytes.length < 4) return 'a parcel without a head';
  const size = Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE(0);
  if (size > HEAD_BYTES_MAX || 4 + size > bytes.length) return `a parcel with a head of ${size} bytes`;
  const head = parse(bytes.subarray(4, 4 + size));
  if (head === null || head['version'] !== PARCEL_VERSION) return 'a parcel of another version';
  const { side, initiator, counts, finSent, finReceived, unread, unsent } = head;
  const info = asInfo(head['info']);
  const local = asName(head['local']);
  const remote = asName(head['remote']);
  const ours = asOffer(head['ours']);
  const theirs = asOffer(head['theirs']);
  if (info === null || local === null || remote === null || ours === null || theirs === null) {
    return 'a parcel with names or offers that make no sense';
  }
  if (side !== 'connect' && side !== 'accept') return 'a parcel without a side';
  if (!isSize(unread) || !isSize(unsent) || 4 + size + unread + unsent !== bytes.length) {
    return 'a parcel with bytes missing, or too many';
  }
  if (typeof initiator !== 'boolean' || typeof finSent !== 'boolean' || typeof finReceived !== 'boolean') {
    return 'a parcel with a flag missing';
  }
  if (!isCounts(counts) || unread > ours.windowBytes) return 'a parcel with counts that cannot be';
  const body = bytes.subarray(4 + size);
  const state: SessionState = {
    initiator,
    local: ours,
    peer: theirs,
    counts,
    finSent,
    finReceived,
    unread: unread === 0 ? [] : [body.subarray(0, unread)],
    unsent: unsent === 0 ? [] : [body.subarray(unread)],
  };
  return { info, side, local, remote, state };
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

function sizeOf(list: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { length } of list) bytes += length;
  return bytes;
}
