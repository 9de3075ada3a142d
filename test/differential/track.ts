/** The record of one socket or server: its events in their order, and its states between the rounds. */
import { createHash, type Hash } from 'node:crypto';

/** An error as a program can tell it apart. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { name, code, errno, syscall, address, port, message } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const parts = [name, code, errno, syscall, address, port === undefined ? undefined : `@${port}`];
  const inner = error instanceof AggregateError ? ` [${error.errors.map(describeError).join('; ')}]` : '';
  const cause = error.cause === undefined ? '' : ` cause ${describeError(error.cause)}`;
  return `${parts.filter((part) => part !== undefined).join(' ')} "${message}"${inner}${cause}`;
}

export class Track {
  readonly lines: string[] = [];
  /** Grows with everything that happens. */
  activity = 0;
  /** What has come since the last line, by how it was taken: bytes, or 0 for what has none. */
  readonly #burst = new Map<string, number>();
  readonly #taken = new Map<string, { bytes: number; hash: Hash }>();
  #state = '';
  #stateNow = '';

  note(line: string): void {
    this.#endBurst();
    this.activity++;
    this.lines.push(line);
  }

  /** What comes in as many pieces as the transport likes: told together, for all that comes with nothing else between. */
  burst(what: string, amount: number): void {
    this.activity++;
    this.#burst.set(what, (this.#burst.get(what) ?? 0) + amount);
  }

  take(what: string, chunk: Uint8Array | string): void {
    let taken = this.#taken.get(what);
    if (taken === undefined) {
      taken = { bytes: 0, hash: createHash('sha1') };
      this.#taken.set(what, taken);
    }
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    taken.hash.update(bytes);
    taken.bytes += bytes.length;
    this.burst(what, bytes.length);
  }

  #endBurst(): void {
    for (const what of [...this.#burst.keys()].sort()) {
      const amount = this.#burst.get(what) ?? 0;
      this.lines.push(amount > 0 ? `${what} ${amount}` : what);
    }
    this.#burst.clear();
  }

  /** How it is now; it counts if nothing happens until {@link keepState}. */
  state(now: string): void {
    this.#stateNow = now;
  }

  /** The round is over: notes what has changed since the last time. */
  keepState(round: number): void {
    this.#endBurst();
    if (this.#stateNow === this.#state) return;
    this.#state = this.#stateNow;
    this.lines.push(`  after ${round}: ${this.#state}`);
  }

  end(): void {
    this.#endBurst();
    for (const [what, { bytes, hash }] of this.#taken)
      this.lines.push(`${what}, in all: ${bytes} ${hash.digest('hex')}`);
  }
}
