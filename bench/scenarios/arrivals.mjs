/** What arrives at the end of a stream: first what is to warm it up, then what counts. */

/** The receiver looks at the clock at every so many events: a look must not show in the figure. */
const CLOCK_EVERY = 16;

export class Arrivals {
  bytes = 0;
  #context;
  #size;
  #events = 0;
  #phase = 'idle';
  #from = { at: 0, bytes: 0, events: 0 };

  /** @param {any} context @param {number} size bytes of a message */
  constructor(context, size) {
    this.#context = context;
    this.#size = size;
  }

  /** One event, with so many bytes. @param {number} bytes */
  add(bytes) {
    this.bytes += bytes;
    if (this.#events++ % CLOCK_EVERY === 0) this.#look();
  }

  #look() {
    const { warmMs, ms } = this.#context.params;
    const now = performance.now();
    const { at } = this.#from;
    if (this.#phase === 'idle') {
      this.#phase = 'warm';
      this.#from.at = now;
    } else if (this.#phase === 'warm' && now - at >= warmMs) {
      this.#phase = 'measure';
      this.#context.begin();
      this.#from = { at: performance.now(), bytes: this.bytes, events: this.#events };
    } else if (this.#phase === 'measure' && now - at >= ms) {
      this.#phase = 'done';
      const bytes = this.bytes - this.#from.bytes;
      const bytesPerSecond = bytes / ((now - at) / 1000);
      this.#context.end({
        bytesPerSecond,
        messagesPerSecond: bytesPerSecond / this.#size,
        bytesPerRead: Math.round(bytes / (this.#events - this.#from.events)),
      });
    }
  }
}
