/** IP addresses between text and bytes. Input text comes from Node or the kernel and is a valid address. */
import { isIPv4 } from 'node:net';

/** A host has few addresses, and every connection asks for two of them. */
const REMEMBERED_MAX = 64;
const remembered = new Map<string, Uint8Array>();

/** The address in 4 or 16 bytes, network order; not to be written to. */
export function addressBytes(text: string): Uint8Array {
  let bytes = remembered.get(text);
  if (bytes === undefined) {
    bytes = parse(text);
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(text, bytes);
  }
  return bytes;
}

function parse(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  const bytes = new Uint8Array(16);
  const address = text.split('%')[0];
  const lastColon = address.lastIndexOf(':');
  const tail = address.slice(lastColon + 1);
  let groups = address;
  if (tail.includes('.')) {
    const v4 = parse(tail);
    const high = ((v4[0] << 8) | v4[1]).toString(16);
    const low = ((v4[2] << 8) | v4[3]).toString(16);
    groups = `${address.slice(0, lastColon + 1)}${high}:${low}`;
  }
  const halves = groups.split('::');
  const left = halves[0];
  const right = halves.at(1);
  const head = left ? left.split(':') : [];
  const rest = right ? right.split(':') : [];
  const middle = right === undefined ? 0 : 8 - head.length - rest.length;
  const all = [...head, ...new Array<string>(middle).fill('0'), ...rest];
  for (let i = 0; i < 8; i++) {
    const value = Number.parseInt(all[i] ?? '0', 16);
    bytes[i * 2] = value >> 8;
    bytes[i * 2 + 1] = value & 0xff;
  }
  return bytes;
}

/** The text of an address as Node prints it: the longest run of zero groups is `::`, an IPv4-mapped one is dotted. */
export function addressText(bytes: Uint8Array, family: 4 | 6): string {
  if (family === 4) return bytes.subarray(0, 4).join('.');
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i] << 8) | bytes[i + 1]);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(12, 16).join('.')}`;
  }
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}
