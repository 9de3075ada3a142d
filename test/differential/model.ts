/** What the generator knows of an end while it makes a program: enough to keep out of what TCP leaves to chance. */
import type { Reading, Round, SocketOptions, Step } from './program.js';

export interface Connection {
  readonly client: End;
  /** Null: nobody accepts it. */
  readonly server: End | null;
}

export class End {
  /** It sends no more. */
  ended = false;
  /** It is closed, or about to be. */
  dead = false;
  /** Bytes that the other end has not taken. */
  unread = 0;
  /** It has written to a peer that was gone. */
  wroteInVain = false;
  #paused = false;
  private breaks = false;
  #peer: End | null = null;

  constructor(
    readonly side: Round['side'],
    readonly name: string,
    public reading: Reading,
    readonly options: SocketOptions & { readonly pauseOnConnect?: boolean },
  ) {
    this.#paused = options.pauseOnConnect === true;
  }

  meet(peer: End): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  get peer(): End | null {
    return this.#peer;
  }

  get connected(): boolean {
    return this.#peer !== null && !this.dead;
  }

  /** Whether it takes at once whatever comes. */
  get takes(): boolean {
    return !this.#paused && this.reading !== 'idle' && !this.dead;
  }

  /** Whether the other end takes whatever comes, and this one what may come back. */
  get peerTakesAll(): boolean {
    const peer = this.#peer;
    if (peer === null || !peer.takes) return false;
    return peer.reading !== 'echo' || this.takes;
  }

  /** The other end is closed, or there is none. */
  get peerGone(): boolean {
    return this.#peer?.dead !== false;
  }

  /** The other end leaves its iteration with the next chunk, and resets the connection if there are more. */
  get peerBreaks(): boolean {
    return this.#peer?.breaks === true;
  }

  /** The other end sends back whatever comes. */
  get peerEchoes(): boolean {
    return this.#peer?.reading === 'echo';
  }

  /** Bytes that this end has not taken. */
  get peerUnread(): number {
    return this.#peer?.unread ?? 0;
  }

  /** It is destroyed, or never was connected. */
  die(): void {
    this.dead = true;
  }

  does(step: Step): void {
    switch (step.do) {
      case 'write':
        if (this.peerGone) this.wroteInVain = true;
        if (!this.peerTakesAll) this.unread += step.bytes * 2;
        if (this.ended) this.#destroyed();
        break;
      case 'end':
        if (step.bytes > 0 && this.peerGone) this.wroteInVain = true;
        if (this.ended && step.bytes > 0) this.#destroyed();
        this.unread += this.peerTakesAll ? 0 : step.bytes;
        this.#end();
        break;
      case 'pause':
        this.#paused = true;
        break;
      case 'break':
        this.breaks = true;
        break;
      case 'resume':
        this.#paused = false;
        if (this.reading === 'idle') this.reading = 'flow';
        this.#tookAll();
        break;
      case 'start-reading':
        this.reading = step.reading;
        this.#paused &&= step.reading === 'readable';
        this.#tookAll();
        break;
      case 'unpipe':
        if (this.reading === 'pipe' || this.reading === 'echo') this.reading = 'idle';
        break;
      case 'destroy':
      case 'destroy-error':
      case 'destroy-soon':
      case 'reset':
      case 'abort':
        this.#destroyed();
        break;
      default:
        break;
    }
  }

  #destroyed(): void {
    this.die();
    this.#peer?.onPeerEnd();
  }

  #tookAll(): void {
    if (this.#peer !== null && this.takes) this.#peer.unread = 0;
  }

  #end(): void {
    this.ended = true;
    this.#peer?.onPeerEnd();
    this.#closeIfBoth();
  }

  private onPeerEnd(): void {
    if (this.takes && this.options.allowHalfOpen !== true) this.ended = true;
    this.#closeIfBoth();
  }

  #closeIfBoth(): void {
    const peer = this.#peer;
    if (peer !== null && this.ended && peer.ended) {
      this.dead = true;
      peer.dead = true;
    }
  }
}
