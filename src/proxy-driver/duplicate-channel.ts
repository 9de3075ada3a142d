/**
 * How two switches meet over a descriptor that one has sent to the other (DUP-23): whoever gives a connection away
 * listens under an abstract name made of the travelling socket's cookie; who receives the descriptor knows the cookie as
 * well. A name can be guessed, so the other end must have our own uid: who has that could take the descriptor itself (D5).
 *
 * Packets: u32 magic "SDH1", u16 version, u16 kind, u32 bytes, then the bytes (kind 1), or they are in a memfd that comes
 * along (kind 2).
 */
import type { Addon } from './addon.js';

const MAGIC = 0x31484453;
const VERSION = 1;
const KIND_INLINE = 1;
const KIND_MEMORY = 2;
const HEADER_BYTES = 12;
const INLINE_BYTES_MAX = 400;
/** Most bytes of one message: two windows of 64 MiB, and what goes with them. */
const MESSAGE_BYTES_MAX = 192 * 1024 * 1024;
const PAGE = 4096;
/** Nobody but the receiver of the descriptor has a reason to come. */
const BACKLOG = 4;

/** The abstract name for a travelling socket. */
function claimName(cookie: bigint): string {
  return `sockets-direct/1/claim/${cookie}`;
}

/** One end of such a meeting. Messages and the end come by callbacks, which are the owner's to set. */
export class DuplicateChannel {
  /** The other process, by the kernel's word. */
  readonly pid: number;
  readonly uid: number;
  onMessage: ((bytes: Uint8Array) => void) | null = null;
  onClosed: (() => void) | null = null;
  readonly #addon: Addon;
  #id = -1;
  #closed = false;

  private constructor(addon: Addon, uid: number, pid: number) {
    this.#addon = addon;
    this.uid = uid;
    this.pid = pid;
  }

  /** Over a connected descriptor, which it owns; null: the descriptor would not do. */
  static open(addon: Addon, fd: number, uid: number, pid: number): DuplicateChannel | null {
    const channel = new DuplicateChannel(addon, uid, pid);
    const id = addon.linkOpen(
      fd,
      channel,
      (packet, passed) => channel.#packet(packet, passed),
      () => channel.#end(),
    );
    if (id < 0) {
      addon.close(fd);
      return null;
    }
    channel.#id = id;
    return channel;
  }

  /** Sends one message; false: the other end is gone, or there is no memory for it. */
  send(bytes: Uint8Array): boolean {
    if (this.#closed) return false;
    const inline = bytes.length <= INLINE_BYTES_MAX;
    const packet = Buffer.alloc(HEADER_BYTES + (inline ? bytes.length : 0));
    packet.writeUInt32LE(MAGIC, 0);
    packet.writeUInt16LE(VERSION, 4);
    packet.writeUInt16LE(inline ? KIND_INLINE : KIND_MEMORY, 6);
    packet.writeUInt32LE(bytes.length, 8);
    if (inline) {
      packet.set(bytes, HEADER_BYTES);
      return this.#addon.linkSend(this.#id, packet, -1) >= 0;
    }
    return this.#sendMemory(packet, bytes);
  }

  #sendMemory(packet: Uint8Array, bytes: Uint8Array): boolean {
    const addon = this.#addon;
    const size = Math.ceil(bytes.length / PAGE) * PAGE;
    const fd = addon.allocate(size);
    if (fd < 0) return false;
    const memory = addon.map(fd, size);
    let sent = -1;
    if (typeof memory !== 'number') {
      new Uint8Array(memory).set(bytes);
      addon.release(memory);
      sent = addon.linkSend(this.#id, packet, fd);
    }
    addon.close(fd);
    return sent >= 0;
  }

  #packet(packet: Uint8Array, passed: number): void {
    const bytes = this.#decode(Buffer.from(packet.buffer, packet.byteOffset, packet.length), passed);
    if (passed >= 0) this.#addon.close(passed);
    if (this.#closed) return;
    if (bytes === null) this.#end();
    else this.onMessage?.(bytes);
  }

  /** Null: nonsense. */
  #decode(packet: Buffer, passed: number): Uint8Array | null {
    if (packet.length < HEADER_BYTES || packet.readUInt32LE(0) !== MAGIC) return null;
    const kind = packet.readUInt16LE(6);
    const length = packet.readUInt32LE(8);
    if (packet.readUInt16LE(4) !== VERSION || length > MESSAGE_BYTES_MAX) return null;
    if (kind === KIND_INLINE) return packet.length === HEADER_BYTES + length ? packet.subarray(HEADER_BYTES) : null;
    if (kind !== KIND_MEMORY || passed < 0 || length === 0) return null;
    const memory = this.#addon.map(passed, Math.ceil(length / PAGE) * PAGE);
    if (typeof memory === 'number') return null;
    const bytes = new Uint8Array(memory).slice(0, length);
    this.#addon.release(memory);
    return bytes;
  }

  #end(): void {
    if (this.#closed) return;
    this.close();
    this.onClosed?.();
  }

  /** What was sent still arrives; no callback follows. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#addon.linkClose(this.#id);
  }
}

/** Makes both ends. */
export class DuplicateTransport {
  readonly #addon: Addon;
  readonly #uid: number;
  readonly #words = new BigUint64Array(4);
  readonly #credentials = new Int32Array(3);

  /** `uid`: who may be at the other end; our own. */
  constructor(addon: Addon, uid: number) {
    this.#addon = addon;
    this.#uid = uid;
  }

  /** Waits for whoever receives the socket `fd`; null: that cannot be. */
  offer(fd: number, onClaim: (channel: DuplicateChannel) => void): { close(): void } | null {
    const addon = this.#addon;
    if (fd < 0 || addon.cookie(fd, this.#words) !== 0) return null;
    const listener = addon.listen(claimName(this.#words[0]), BACKLOG, (from, uid, _gid, pid) => {
      const channel = uid === this.#uid ? DuplicateChannel.open(addon, from, uid, pid) : null;
      if (channel !== null) onClaim(channel);
      else if (uid !== this.#uid) addon.close(from);
    });
    if (listener < 0) return null;
    let open = true;
    return {
      close() {
        if (open) addon.unlisten(listener);
        open = false;
      },
    };
  }

  /** Whoever offers the received socket `fd`; null: nobody, it is an ordinary one. Costs an ordinary one a failed connect. */
  claim(fd: number): DuplicateChannel | null {
    const addon = this.#addon;
    if (fd < 0 || addon.cookie(fd, this.#words) !== 0) return null;
    const to = addon.connect(claimName(this.#words[0]));
    if (to < 0) return null;
    const [uid, , pid] = addon.credentials(to, this.#credentials) === 0 ? this.#credentials : [-1, -1, -1];
    if (uid === this.#uid) return DuplicateChannel.open(addon, to, uid, pid);
    addon.close(to);
    return null;
  }
}
