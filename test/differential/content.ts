/** What programs write: bytes, and text in every encoding, that depend on the writer and the place in its stream alone. */
import type { Form } from './program.js';

/** A prime, so that no buffer or message size divides it. */
const PERIOD = 65_521;
const pattern = Buffer.alloc(PERIOD);
for (let i = 0; i < PERIOD; i++) pattern[i] = Math.imul(i + 1, 0x9e3779b1) >>> 23;
const LETTERS = 'Straße, naïve – 東京 🚀 0123456789 ';

function bytesFrom(position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const from = (position + at) % PERIOD;
    at += pattern.copy(bytes, at, from, Math.min(PERIOD, from + length - at));
  }
  return bytes;
}

/** What `write` and `end` are given: a chunk, and an encoding if it is a string. */
export interface Content {
  readonly chunk: string | Uint8Array;
  readonly encoding: BufferEncoding | undefined;
}

/** About `length` bytes. `position`: any number; another one gives other bytes. */
export function contentOf(form: Form, length: number, position: number): Content {
  const bytes = bytesFrom(position, length);
  switch (form) {
    case 'buffer':
      return { chunk: bytes, encoding: undefined };
    case 'bytes':
      return { chunk: new Uint8Array(bytes), encoding: undefined };
    case 'hex':
    case 'base64':
      return { chunk: bytes.toString(form), encoding: form };
    case 'latin1':
      return { chunk: bytes.toString('latin1'), encoding: form };
    case 'ascii':
      return { chunk: Buffer.from(bytes.map((byte) => byte & 0x7f)).toString('latin1'), encoding: form };
    default: {
      const unit = form === 'utf8' ? Buffer.byteLength(LETTERS) / LETTERS.length : 2;
      const letters = Math.ceil(length / unit);
      const shift = position % 17;
      const text = LETTERS.repeat(Math.ceil((letters + shift) / LETTERS.length) + 1);
      return { chunk: text.slice(shift, shift + letters), encoding: form };
    }
  }
}
