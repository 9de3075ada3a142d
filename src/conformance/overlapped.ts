/** An overlapped structure that sees what the provider writes into it, and in which order (XFER-22…28). */
import { OVERLAPPED_POLL, type WSAOVERLAPPED, WSS_OPERATION_IN_PROGRESS } from '../spi/index.js';

/** Where an operation is in its life. `refused`: the call that should have started it failed. */
export type OperationState = 'idle' | 'posting' | 'pending' | 'done' | 'refused';

/** Told of what a provider does wrong. */
export type Report = (requirements: readonly string[], seen: string) => void;

/** One operation at a time; may be used again. */
export class WatchedOverlapped implements WSAOVERLAPPED {
  hEvent: number;
  state: OperationState = 'idle';
  /** Handle of the socket it runs on. */
  handle = -1;
  /** The code it ended with; -1 while it has not. */
  error = -1;
  /** Bytes it ended with. */
  bytes = 0;
  /** Marked as running by the provider since it was posted (OBS-16). */
  begun = false;
  /** Called when it has ended by notification. */
  onComplete: ((operation: WatchedOverlapped) => void) | null = null;
  readonly #report: Report;
  #internal = 0;
  #internalHigh = 0;
  #offset = 0;
  #offsetHigh = 0;
  #finished = false;
  #inUpcall = false;

  constructor(poll: boolean, report: Report) {
    this.hEvent = poll ? OVERLAPPED_POLL : 0;
    this.#report = report;
  }

  /** Whether the caller polls. */
  get polled(): boolean {
    return (this.hEvent & OVERLAPPED_POLL) !== 0;
  }

  /** The provider has written that it is finished. */
  get finished(): boolean {
    return this.#finished;
  }

  /** It is about to be given to the provider. */
  post(handle: number): void {
    this.state = 'posting';
    this.handle = handle;
    this.error = -1;
    this.bytes = 0;
    this.begun = false;
    this.#finished = false;
  }

  /** It has ended. */
  end(error: number, bytes: number): void {
    this.state = 'done';
    this.error = error;
    this.bytes = bytes;
  }

  /** Writes of the up-call itself, which is the kit's. */
  duringUpcall(write: () => void): void {
    this.#inUpcall = true;
    write();
    this.#inUpcall = false;
  }

  get Internal(): number {
    return this.#internal;
  }
  set Internal(value: number) {
    this.#internal = value;
    if (value === WSS_OPERATION_IN_PROGRESS) {
      this.begun = true;
      this.#finished = false;
      return;
    }
    if (this.state === 'pending' && !this.polled && !this.#inUpcall) {
      this.#report(['XFER-27'], 'the provider wrote Internal of a notified operation, which is the up-call’s to write');
    }
    if (this.#offsetHigh !== 0 && this.#internalHigh !== 0) {
      this.#report(['OBS-19'], `an operation failed with ${this.#offsetHigh} and yet has ${this.#internalHigh} bytes`);
    }
    this.#finished = true;
  }

  get InternalHigh(): number {
    return this.#internalHigh;
  }
  set InternalHigh(value: number) {
    this.#internalHigh = value;
    this.#written('InternalHigh');
  }

  get Offset(): number {
    return this.#offset;
  }
  set Offset(value: number) {
    this.#offset = value;
    this.#written('Offset');
  }

  get OffsetHigh(): number {
    return this.#offsetHigh;
  }
  set OffsetHigh(value: number) {
    this.#offsetHigh = value;
    this.#written('OffsetHigh');
  }

  #written(field: string): void {
    if (this.#finished && (this.state === 'posting' || this.state === 'pending')) {
      this.#report(['XFER-27', 'XFER-28'], `${field} was written after Internal, which is to be written last`);
    }
  }
}
