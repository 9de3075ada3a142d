/** Ask one isolate for its snapshot: what `sockets-direct ss` does, once per name it found. */
import { connect } from 'node:net';
import { readSnapshot } from './read-snapshot.js';
import type { Snapshot } from './snapshot.js';

/**
 * `gone`: nobody listens on that name any more. `no-answer`: somebody does, but there was no answer in time, or none that
 * this version understands; `why` says which.
 */
export type QueryResult =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'gone' }
  | { readonly kind: 'no-answer'; readonly why: NoAnswer };
export type NoAnswer = 'timeout' | 'refused' | 'unreadable';

/** Well above the largest honest answer, see SNAPSHOT_ENTRIES_MAX. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

function parse(chunks: readonly Buffer[]): QueryResult {
  // A process that refuses us, or that is just ending, closes without a word.
  if (chunks.length === 0) return { kind: 'no-answer', why: 'refused' };
  try {
    const snapshot = readSnapshot(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    return snapshot === null ? { kind: 'no-answer', why: 'unreadable' } : { kind: 'snapshot', snapshot };
  } catch {
    // Cut short or garbage.
    return { kind: 'no-answer', why: 'unreadable' };
  }
}

/**
 * Never rejects.
 * @param path abstract name with its leading zero byte
 * @param timeoutMilliseconds for the whole exchange
 */
export function query(path: string, timeoutMilliseconds: number): Promise<QueryResult> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const socket = connect({ path });
    const finish = (result: QueryResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => {
      finish({ kind: 'no-answer', why: 'timeout' });
    }, timeoutMilliseconds);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) finish({ kind: 'no-answer', why: 'unreadable' });
    });
    socket.on('end', () => {
      finish(parse(chunks));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // EAGAIN: its queue of questions is full, because nobody takes them.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') finish({ kind: 'gone' });
      else finish({ kind: 'no-answer', why: error.code === 'EAGAIN' ? 'timeout' : 'refused' });
    });
  });
}
