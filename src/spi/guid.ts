/**
 * GUIDs: text for people and for comparing, 16 bytes for memory and files.
 *
 * In this SPI a GUID value is its canonical text, upper case without braces, so that two of them compare with `===`.
 * The 16-byte form is {u32 LE, u16 LE, u16 LE, 8 bytes}, what a registration list stores (SP-18, reference 3.2).
 */

/** A GUID as canonical text, e.g. `C0B422F5-F58C-11D1-AD6C-00C04FA34A2D`. */
export type GuidText = string;

/** A GUID as the published structure. `Data4` has 8 bytes. */
export interface GUID {
  Data1: number;
  Data2: number;
  Data3: number;
  Data4: ArrayLike<number>;
}

/** What the GUID functions and `SIO_GET_EXTENSION_FUNCTION_POINTER` take: text, structure, or the 16 bytes. */
export type GuidLike = GuidText | GUID | Uint8Array;

/** Size in bytes of a GUID in memory. */
export const GUID_SIZE = 16;

const PATTERN = /^\{?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\}?$/i;

/** Parses text (any case, braces allowed) into the structure; null if it is not a GUID. */
export function parseGuid(text: string): GUID | null {
  const match = PATTERN.exec(text);
  if (match === null) return null;
  const [, data1 = '', data2 = '', data3 = '', clock = '', node = ''] = match;
  const Data4 = Uint8Array.from((clock + node).match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return {
    Data1: Number.parseInt(data1, 16),
    Data2: Number.parseInt(data2, 16),
    Data3: Number.parseInt(data3, 16),
    Data4,
  };
}

/** The structure as canonical text. */
export function formatGuid(guid: GUID): GuidText {
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
  const tail = Array.from({ length: 8 }, (_, index) => hex(guid.Data4[index], 2)).join('');
  return `${hex(guid.Data1, 8)}-${hex(guid.Data2, 4)}-${hex(guid.Data3, 4)}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

/** The structure as its 16 bytes in memory. */
export function guidToBytes(guid: GUID): Uint8Array {
  const bytes = new Uint8Array(GUID_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, guid.Data1, true);
  view.setUint16(4, guid.Data2, true);
  view.setUint16(6, guid.Data3, true);
  for (let index = 0; index < 8; index++) bytes[8 + index] = guid.Data4[index];
  return bytes;
}

/** The structure from its 16 bytes in memory; null if there are not exactly 16. */
export function guidFromBytes(bytes: Uint8Array): GUID | null {
  if (bytes.length !== GUID_SIZE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, GUID_SIZE);
  return {
    Data1: view.getUint32(0, true),
    Data2: view.getUint16(4, true),
    Data3: view.getUint16(6, true),
    Data4: bytes.slice(8),
  };
}

/**
 * Canonical text of a GUID in any form; null if it is none. What a provider's `WSPIoctl` applies to its input before it
 * compares with the `WSAID_*` constants (OPT-10). Never throws, whatever it is given.
 */
export function guidText(value: unknown): GuidText | null {
  if (typeof value === 'string') {
    const guid = parseGuid(value);
    return guid === null ? null : formatGuid(guid);
  }
  if (value instanceof Uint8Array) {
    const guid = guidFromBytes(value);
    return guid === null ? null : formatGuid(guid);
  }
  return isGuid(value) ? formatGuid(value) : null;
}

function isGuid(value: unknown): value is GUID {
  if (typeof value !== 'object' || value === null) return false;
  const { Data1, Data2, Data3, Data4 } = value as Partial<Record<keyof GUID, unknown>>;
  if (!isUnsigned(Data1, 0xffffffff) || !isUnsigned(Data2, 0xffff) || !isUnsigned(Data3, 0xffff)) return false;
  if (!(Array.isArray(Data4) || Data4 instanceof Uint8Array) || Data4.length !== 8) return false;
  return Array.from(Data4 as ArrayLike<unknown>).every((byte) => isUnsigned(byte, 0xff));
}

function isUnsigned(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}
