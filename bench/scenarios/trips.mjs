/** Round trips: first some to warm up, then those that count. */
import { Histogram } from '../histogram.mjs';
import { latency } from './common.mjs';

/** What scenarios of requests have in common: the client keeps the time, and an operation is a request with its answer. */
export const REQUESTS = {
  timekeeper: /** @type {const} */ ('client'),
  params: {
    full: { warmMs: 1000, ms: 2500 },
    quick: { warmMs: 500, ms: 900 },
    smoke: { warmMs: 40, ms: 80 },
  },
  operationsPerMs: (/** @type {any} */ result) => result.perSecond / 1000,
};

export class Trips {
  /** When the last one was over, milliseconds. */
  now = 0;
  /** Nothing more is to be asked. */
  done = false;
  #context;
  #options;
  #histogram = new Histogram();
  #until;
  #began = 0;

  /**
   * @param {any} context
   * @param {{ sockets: () => readonly import('node:net').Socket[], begin?: () => void, more?: (seconds: number) => object }} options
   *   whose route is to be proved; called when it becomes serious; what else is to be in the run's record
   */
  constructor(context, options) {
    this.#context = context;
    this.#options = options;
    this.#until = performance.now() + context.params.warmMs;
  }

  /** One that began at `sent` is over. Whether there is to be another. @param {number} sent */
  over(sent) {
    this.now = performance.now();
    this.#histogram.record((this.now - sent) * 1e6);
    if (this.now >= this.#until) this.#next();
    return !this.done;
  }

  #next() {
    const { params } = this.#context;
    if (this.#began === 0) {
      this.#context.begin();
      this.#options.begin?.();
      this.#histogram.reset();
      this.#began = this.now = performance.now();
      this.#until = this.#began + params.ms;
      return;
    }
    this.done = true;
    for (const socket of this.#options.sockets()) this.#context.prove(socket);
    const seconds = (this.now - this.#began) / 1000;
    this.#context.end({
      perSecond: this.#histogram.count / seconds,
      latency: latency(this.#context, this.#histogram),
      ...this.#options.more?.(seconds),
    });
  }
}
