/**
 * The kinds of value a setting can have: how its text is read, checked, described and written back.
 *
 * Every value reaches these functions as text items (an environment variable, a command line option or a JSON value, see
 * `load.ts`), so that one check serves all three places. Nothing here throws: what is not allowed comes back as `bad`.
 */
import { isAbsolute } from 'node:path';

/** The value, or the items that are not allowed, as they were written. */
export type Parsed<T> = { readonly value: T } | { readonly bad: readonly string[] };

/** One kind of value. */
export interface ValueType<T> {
  /** Short name for the table, such as `integer`. */
  readonly type: string;
  /** The allowed range in words; shown with every refused value. */
  readonly range: string;
  /** Takes several items: comma separated in a variable, repeated on the command line, an array in the file. */
  readonly list: boolean;
  parse(items: readonly string[]): Parsed<T>;
  /** The value's items in the form `parse` takes. */
  format(value: T): readonly string[];
}

function scalar<T>(
  type: string,
  range: string,
  parse: (text: string) => T | undefined,
  format: (value: T) => string,
): ValueType<T> {
  return {
    type,
    range,
    list: false,
    parse: (items) => {
      const value = items.length === 1 ? parse(items[0]) : undefined;
      return value === undefined ? { bad: [items.join(',')] } : { value };
    },
    format: (value) => [format(value)],
  };
}

/** `on` or `off`; the usual other spellings are understood. */
export function onOff(): ValueType<boolean> {
  const words = new Map([
    ['on', true],
    ['true', true],
    ['1', true],
    ['off', false],
    ['false', false],
    ['0', false],
  ]);
  return scalar(
    'on or off',
    'on, off (also true, false, 1, 0)',
    (text) => words.get(text),
    (value) => (value ? 'on' : 'off'),
  );
}

/** One word out of a closed list. */
export function oneOf<const W extends string>(words: readonly W[]): ValueType<W> {
  return scalar<W>(
    'word',
    words.join(', '),
    (text) => words.find((word) => word === text),
    (value) => value,
  );
}

function readInteger(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A whole number from `minimum` to `maximum`, both included. */
export function integer(minimum: number, maximum: number): ValueType<number> {
  return scalar(
    'integer',
    `${minimum} to ${maximum}`,
    (text) => {
      const value = readInteger(text);
      return value !== undefined && value >= minimum && value <= maximum ? value : undefined;
    },
    String,
  );
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** `4 MiB`, `64 KiB`, or the number of bytes where it is neither. */
export function describeBytes(bytes: number): string {
  if (bytes >= MIB && bytes % MIB === 0) return `${bytes / MIB}MiB`;
  if (bytes >= KIB && bytes % KIB === 0) return `${bytes / KIB}KiB`;
  return String(bytes);
}

/** A number of bytes, plain or with KiB or MiB behind it. */
export function bytes(minimum: number, maximum: number, powerOfTwo = false): ValueType<number> {
  const units = new Map([
    ['', 1],
    ['KiB', KIB],
    ['MiB', MIB],
  ]);
  return scalar(
    'bytes',
    `${describeBytes(minimum)} to ${describeBytes(maximum)} (${minimum} to ${maximum})${powerOfTwo ? ', a power of two' : ''}`,
    (text) => {
      const parts = /^(\d{1,15})(|KiB|MiB)$/.exec(text);
      if (parts === null) return undefined;
      const value = Number(parts[1]) * (units.get(parts[2]) ?? Number.NaN);
      if (!(value >= minimum && value <= maximum)) return undefined;
      return powerOfTwo && !Number.isInteger(Math.log2(value)) ? undefined : value;
    },
    describeBytes,
  );
}

/** An absolute path: a relative one would mean another file in each process's working directory. */
export function absolutePath(): ValueType<string | null> {
  return scalar<string | null>(
    'path',
    'an absolute path',
    (text) => (isAbsolute(text) && !text.includes('\0') ? text : undefined),
    (value) => value ?? '',
  );
}

/** Several values, each read by `parse`. Duplicates are kept as written. An empty list is refused unless `mayBeEmpty`. */
export function listOf<T>(item: {
  readonly type: string;
  readonly range: string;
  readonly mayBeEmpty: boolean;
  parse(text: string): T | undefined;
  format(value: T): string;
}): ValueType<readonly T[]> {
  return {
    type: item.type,
    range: item.range,
    list: true,
    parse: (items) => {
      const value: T[] = [];
      const bad: string[] = [];
      for (const text of items) {
        const parsed = item.parse(text);
        if (parsed === undefined) bad.push(text);
        else value.push(parsed);
      }
      if (items.length === 0 && !item.mayBeEmpty) bad.push('');
      return bad.length === 0 ? { value } : { bad };
    },
    format: (value) => value.map((one) => item.format(one)),
  };
}

/** A numeric user id. 4294967295 is not one: the kernel uses it for "no user". */
export function readUid(text: string): number | undefined {
  const value = readInteger(text);
  return value !== undefined && value < 0xffffffff ? value : undefined;
}
