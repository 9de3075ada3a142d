/** One end of a connection: sends, and receives by posted buffers or by an owned receiver, whichever a case asks for. */
import { MEM_READ, MEM_WRITE, RUN_CONTINUE, type SOCKET, WSA_IO_INCOMPLETE, WSA_IO_PENDING } from '../spi/index.js';
import type { Bench } from './bench.js';
import type { Host } from './host.js';
import { type ProviderManifest, receivesOf } from './manifest.js';
import { deregister, register } from './memory.js';
import type { WatchedOverlapped } from './overlapped.js';

/** How an end receives: buffers posted with `WSPRecv`, or a receiver attached with `SdpSetReceiver`. */
export type Receiving = 'posted' | 'owned';

/** The ways in which a provider delivers. */
export function receivings({ ownsReceiveBuffers }: ProviderManifest): readonly Receiving[] {
  return ownsReceiveBuffers ? ['posted', 'owned'] : ['posted'];
}

/** Largest message that ordinary cases send, in bytes. */
const MESSAGE_BYTES = 4096;

export class End {
  /** What has come, in order. */
  readonly messages: Uint8Array[] = [];
  /** What the connection ended with; -1 while it has not. 0 only by an owned receiver: the peer closed. */
  ended = -1;
  /** How often the end was told. */
  ends = 0;
  runs = 0;
  /** Handle of the region that receives are posted from. */
  region = 0;
  readonly receives: WatchedOverlapped[] = [];
  readonly #bench: Bench;
  #memory = new Uint8Array(0);

  constructor(
    bench: Bench,
    readonly host: Host,
    readonly s: SOCKET,
  ) {
    this.#bench = bench;
  }

  /** Most bytes of a message that this provider takes, up to `wanted`. */
  capacity(wanted = MESSAGE_BYTES): number {
    return Math.min(wanted, this.#bench.manifest.limits.messageBytes ?? wanted);
  }

  /** Begins to receive. `bytes`: largest message to come. */
  receive(how: Receiving, bytes = this.capacity()): this {
    if (how === 'owned') this.#attach();
    else this.#post(bytes);
    return this;
  }

  #attach(): void {
    const { host, s } = this;
    const owned = this.#bench.some(host.owned, 'there is no owned receive');
    const code = owned.SdpSetReceiver(
      s,
      {
        onMessage: (memory, offset, length) => {
          this.messages.push(memory.slice(offset, offset + length));
          return RUN_CONTINUE;
        },
        onRunEnd: () => this.runs++,
        onDisconnect: (error) => {
          this.ended = error;
          this.ends++;
        },
      },
      host.errno,
    );
    this.#bench.equal(code, 0, 'SdpSetReceiver');
  }

  /** Registers the region that receives will be posted from; it can only be done while the socket is connected (MEM-12). */
  prepare(bytes = this.capacity()): this {
    this.#memory = new Uint8Array(receivesOf(this.#bench.manifest) * bytes);
    const { code, value } = register(this.host, this.s, this.#memory, MEM_WRITE);
    this.#bench.code(code, 0, 'WSPRegisterMemory for receives');
    this.region = value;
    return this;
  }

  /** Posts a region in pieces, which are posted again as soon as they are used (SESS-12, SESS-14). */
  #post(bytes: number): void {
    const { host } = this;
    const count = receivesOf(this.#bench.manifest);
    if (this.region === 0) this.prepare(bytes);
    const region = this.#memory;
    for (let index = 0; index < count; index++) {
      const operation = host.operation();
      const buf = region.subarray(index * bytes, (index + 1) * bytes);
      operation.onComplete = () => this.#came(operation, buf);
      this.receives.push(operation);
      if (!this.#postOne(operation, buf)) break;
    }
  }

  #postOne(operation: WatchedOverlapped, buf: Uint8Array): boolean {
    let code = this.host.receive(this.s, [{ len: buf.length, buf }], operation);
    // Done at once: that message is here, and the buffer free again.
    while (code === 0) {
      this.messages.push(buf.slice(0, operation.bytes));
      code = this.host.receive(this.s, [{ len: buf.length, buf }], operation);
    }
    if (code === WSA_IO_PENDING) return true;
    // What is still pending may bring messages; it ends by itself, and then tells the end.
    if (!this.receives.some(({ state }) => state === 'pending')) this.#end(code);
    return false;
  }

  #came(operation: WatchedOverlapped, buf: Uint8Array): void {
    if (operation.error !== 0) {
      this.#end(operation.error);
      return;
    }
    this.messages.push(buf.slice(0, operation.bytes));
    const entry = this.host.ledger.byDescriptor.get(this.s);
    if (entry?.state === 'open') this.#postOne(operation, buf);
  }

  #end(code: number): void {
    if (this.ends++ === 0) this.ended = code;
  }

  /** Sends one message from registered memory, and waits until the buffer is free again. The code it ended with. */
  async send(bytes: Uint8Array, poll = false): Promise<number> {
    const { host, s } = this;
    const copy = Uint8Array.from(bytes);
    const { code, value: handle } = register(host, s, copy, MEM_READ);
    if (code !== 0) return code;
    const operation = host.operation(poll);
    const answer = host.send(s, [{ len: copy.length, buf: copy }], operation);
    const result = answer === WSA_IO_PENDING ? await this.finish(operation) : answer;
    copy.fill(0xee); // it is ours again, and nobody may look at it any more
    if (host.ledger.byDescriptor.has(s)) deregister(host, s, handle);
    return result;
  }

  /** Sends, and it must succeed. */
  async sent(bytes: Uint8Array, poll = false): Promise<void> {
    this.#bench.code(await this.send(bytes, poll), 0, 'WSPSend');
  }

  /** Waits for the end of an operation that pends: 0 or its code. */
  async finish(operation: WatchedOverlapped): Promise<number> {
    if (!operation.polled) {
      await this.#bench.until('a pending operation ends', () => operation.state === 'done');
      return operation.error;
    }
    let code = WSA_IO_INCOMPLETE;
    await this.#bench.until('a polled operation ends', () => {
      const answer = this.host.result(this.s, operation);
      ({ code } = answer);
      if (code !== WSA_IO_INCOMPLETE) this.retire(operation, code, answer.value);
      return code !== WSA_IO_INCOMPLETE;
    });
    return code;
  }

  /** A polled operation was seen to end. */
  retire(operation: WatchedOverlapped, code: number, bytes: number): void {
    operation.end(code, code === 0 ? bytes : 0);
    this.host.ledger.byHandle.get(operation.handle)?.operations.delete(operation);
  }

  /** Sends messages to `peer` without outrunning what it has posted, and checks that they come whole and in order. */
  async exchange(peer: End, messages: readonly Uint8Array[], poll = false): Promise<void> {
    const window = Math.max(1, receivesOf(this.#bench.manifest) - 1);
    const first = peer.messages.length;
    for (const [index, message] of messages.entries()) {
      await this.#bench.until('messages come', () => first + index - peer.messages.length < window);
      await this.sent(message, poll);
    }
    await this.#bench.until('all messages come', () => peer.messages.length >= first + messages.length);
    messages.forEach((message, index) => {
      this.#bench.sameBytes(peer.messages[first + index], message, `message ${index} of ${messages.length}`);
    });
  }
}

/** Bytes that tell their place and their message. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + seed * 7 + (index >> 8)) & 0xff;
  return bytes;
}
