/**
 * The text of a catalog file: what `WSCInstallProvider` and the registry list `TCP on SAN` keep in the founding system
 * (SP-16…18), as one JSON document that programs share.
 *
 *     { "format": 1,
 *       "providers":  [ { "path": "/srv/fabric.cjs", "ProviderId": "<32 hex digits>", "protocols": [ WSAPROTOCOL_INFOW ] } ],
 *       "TCP on SAN": [ { "name": "fabric", "data": "<32 hex digits>" } ] }
 *
 * GUIDs are their 16 bytes in memory order, as the `REG_BINARY` value has them (SP-18). Whoever wrote the file, it is
 * foreign data here: everything is checked, and one wrong field refuses the whole.
 */
import { isAbsolute } from 'node:path';
import {
  AF_INET,
  AF_INET6,
  BASE_PROTOCOL,
  GUID_SIZE,
  guidText,
  type GuidText,
  guidToBytes,
  MAX_PROTOCOL_CHAIN,
  parseGuid,
  PFL_HIDDEN,
  SOCK_STREAM,
  WSAPROTOCOL_LEN,
  type WSAPROTOCOL_INFOW,
  XP1_CONNECTIONLESS,
  XP1_IFS_HANDLES,
} from '../spi/index.js';

/** One installed provider. */
export interface InstalledProvider {
  /** Absolute path of its module. */
  readonly path: string;
  readonly id: GuidText;
  /** What it was installed with; the first is the one that the switch starts. */
  readonly protocols: readonly WSAPROTOCOL_INFOW[];
}

/** One value of `TCP on SAN`. */
export interface SanListValue {
  /** Free: a trade mark, a number, or the GUID as text (SP-18). */
  readonly name: string;
  readonly id: GuidText;
}

export interface CatalogDocument {
  readonly providers: readonly InstalledProvider[];
  /** In order of preference. */
  readonly sanList: readonly SanListValue[];
}

export const EMPTY_DOCUMENT: CatalogDocument = { providers: [], sanList: [] };

const FORMAT = 1;
/** More than any host has; a file with more is none of ours. */
const PROVIDERS_MAX = 64;
const PROTOCOLS_MAX = 16;
const NAME_CHARACTERS_MAX = 255;

/** The fields of a protocol that are unsigned 32-bit numbers, in the order in which they are published. */
const NUMBERS = [
  'dwServiceFlags1',
  'dwServiceFlags2',
  'dwServiceFlags3',
  'dwServiceFlags4',
  'dwProviderFlags',
  'iVersion',
  'iAddressFamily',
  'iMaxSockAddr',
  'iMinSockAddr',
  'iSocketType',
  'iProtocol',
  'iProtocolMaxOffset',
  'iNetworkByteOrder',
  'iSecurityScheme',
  'dwMessageSize',
  'dwProviderReserved',
] as const satisfies readonly (keyof WSAPROTOCOL_INFOW)[];

/** What is wrong with the text; thrown and caught in this file only. */
class Misfit extends Error {}

type Fields = Readonly<Record<string, unknown>>;

/** The document as the text of a file. */
export function encodeDocument(document: CatalogDocument): string {
  const json = {
    format: FORMAT,
    providers: document.providers.map(({ path, id, protocols }) => ({
      path,
      ProviderId: hex(id),
      protocols: protocols.map((info) => ({
        ...Object.fromEntries(NUMBERS.map((name) => [name, info[name]])),
        ProtocolChain: { ChainLen: info.ProtocolChain.ChainLen, ChainEntries: [...info.ProtocolChain.ChainEntries] },
        szProtocol: info.szProtocol,
      })),
    })),
    'TCP on SAN': document.sanList.map(({ name, id }) => ({ name, data: hex(id) })),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** The document in a file's text; a string tells what is wrong with it. */
export function decodeDocument(text: string): CatalogDocument | string {
  try {
    const fields = object(JSON.parse(text), 'the file');
    if (fields['format'] !== FORMAT) throw new Misfit(`format is ${show(fields['format'])}, not ${FORMAT}`);
    const providers = list(fields['providers'], 'providers', PROVIDERS_MAX, provider);
    const sanList = list(fields['TCP on SAN'], 'TCP on SAN', PROVIDERS_MAX, value);
    noneTwice(
      providers.map(({ id }) => id),
      'provider',
    );
    noneTwice(
      sanList.map(({ name }) => name.toLowerCase()),
      'name',
    );
    return { providers, sanList };
  } catch (error) {
    if (error instanceof Misfit) return error.message;
    if (error instanceof SyntaxError) return `not JSON: ${error.message}`;
    throw error;
  }
}

/**
 * What keeps a protocol from being a SAN provider's under the switch; null: nothing. A base provider (SP-16), hidden from
 * programs (SP-17), of an IP family (SW-23), for streams (SW-24), neither connectionless nor of file handles (SP-20).
 */
export function protocolProblem(info: WSAPROTOCOL_INFOW): string | null {
  if (info.ProtocolChain.ChainLen !== BASE_PROTOCOL) return 'it is not a base provider (ProtocolChain.ChainLen)';
  if ((info.dwProviderFlags & PFL_HIDDEN) === 0) return 'it is not hidden from programs (PFL_HIDDEN)';
  if (info.iAddressFamily !== AF_INET && info.iAddressFamily !== AF_INET6) return 'its address family is not IP';
  if (info.iSocketType !== SOCK_STREAM) return 'it is not for streams (SOCK_STREAM)';
  if ((info.dwServiceFlags1 & XP1_CONNECTIONLESS) !== 0) return 'it is connectionless (XP1_CONNECTIONLESS)';
  if ((info.dwServiceFlags1 & XP1_IFS_HANDLES) !== 0) return 'its sockets are file handles (XP1_IFS_HANDLES)';
  return null;
}

/** A protocol as a module tells it, checked field by field and copied; a string tells what is wrong with it. */
export function readProtocolInfo(given: unknown): WSAPROTOCOL_INFOW | string {
  try {
    const fields = object(given, 'protocolInfo');
    const id = guidText(fields['ProviderId']);
    if (id === null) throw new Misfit(`protocolInfo.ProviderId is ${show(fields['ProviderId'])}, not a GUID`);
    return protocol(fields, id);
  } catch (error) {
    if (error instanceof Misfit) return error.message;
    throw error;
  }
}

/** Whether a text may be the name of a value of `TCP on SAN`. */
export function isValueName(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return name.length > 0 && name.length <= NAME_CHARACTERS_MAX && !/[\u0000-\u001f\u007f-\u009f]/.test(name);
}

function provider(given: unknown): InstalledProvider {
  const fields = object(given, 'a provider');
  const path = fields['path'];
  if (typeof path !== 'string' || !isAbsolute(path) || path.includes('\0')) {
    throw new Misfit(`path is ${show(path)}, not an absolute path`);
  }
  const id = guid(fields['ProviderId'], 'ProviderId');
  const read = (info: unknown): WSAPROTOCOL_INFOW => protocol(object(info, 'a protocol'), id);
  const protocols = list(fields['protocols'], 'protocols', PROTOCOLS_MAX, read);
  if (protocols.length === 0) throw new Misfit('a provider has no protocols');
  return { path, id, protocols };
}

function protocol(fields: Fields, id: GuidText): WSAPROTOCOL_INFOW {
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, unsigned(fields[name], name)])) as Record<
    (typeof NUMBERS)[number],
    number
  >;
  const chain = object(fields['ProtocolChain'], 'ProtocolChain');
  const ChainEntries = list(chain['ChainEntries'], 'ChainEntries', MAX_PROTOCOL_CHAIN, (entry) =>
    unsigned(entry, 'a chain entry'),
  );
  const { szProtocol } = fields;
  if (typeof szProtocol !== 'string' || szProtocol.length > WSAPROTOCOL_LEN || !isValueName(szProtocol)) {
    throw new Misfit(`szProtocol is ${show(szProtocol)}, not a name`);
  }
  return {
    ...numbers,
    ProviderId: id,
    dwCatalogEntryId: 0,
    ProtocolChain: { ChainLen: unsigned(chain['ChainLen'], 'ChainLen'), ChainEntries: [...ChainEntries] },
    szProtocol,
  };
}

function value(given: unknown): SanListValue {
  const fields = object(given, 'a value of TCP on SAN');
  const { name } = fields;
  if (typeof name !== 'string' || !isValueName(name)) throw new Misfit(`name is ${show(name)}, not a name`);
  return { name, id: guid(fields['data'], 'data') };
}

function object(given: unknown, what: string): Fields {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Misfit(`${what} is no object`);
  return given as Fields;
}

function list<T>(given: unknown, what: string, limit: number, read: (item: unknown) => T): readonly T[] {
  if (!Array.isArray(given) || given.length > limit) throw new Misfit(`${what} is no list of at most ${limit}`);
  return given.map((item) => read(item));
}

function unsigned(given: unknown, what: string): number {
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= 0xffffffff) return given;
  throw new Misfit(`${what} is ${show(given)}, not an unsigned 32-bit number`);
}

function guid(given: unknown, what: string): GuidText {
  const digits = typeof given === 'string' && /^[0-9a-f]{32}$/i.test(given);
  const id = digits ? guidText(new Uint8Array(Buffer.from(given, 'hex'))) : null;
  if (id === null) throw new Misfit(`${what} is ${show(given)}, not ${GUID_SIZE} bytes in hexadecimal`);
  return id;
}

function noneTwice(keys: readonly string[], what: string): void {
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new Misfit(`${what} ${twice} is there twice`);
}

/** The 16 bytes in memory order. */
function hex(id: GuidText): string {
  const parsed = parseGuid(id);
  if (parsed === null) throw new TypeError(`${id} is not a GUID`);
  return Buffer.from(guidToBytes(parsed)).toString('hex');
}

/** A refused value in a message, shortened. */
function show(given: unknown): string {
  const text = typeof given === 'string' ? JSON.stringify(given) : String(given);
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
