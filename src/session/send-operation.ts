/** One message that the provider took over because it could not place it at once (WSA_IO_PENDING). */
import type { WSABUF } from '../spi/index.js';
import { Operation } from './operation.js';
import { SESSION_HEADER_BYTES } from './wire.js';

/** Who is told that an operation ended. */
export interface SendOwner {
  onSendComplete(operation: SendOperation, error: number): void;
}

/**
 * An overlapped send with memory of its own for the header. Kept by its session and used again; `busy` while the
 * provider holds it.
 */
export class SendOperation extends Operation {
  readonly header = new Uint8Array(SESSION_HEADER_BYTES);
  buffers: WSABUF[] = [];
  /** Payload bytes of the message. */
  payloadBytes = 0;
  busy = false;

  constructor(readonly owner: SendOwner) {
    super();
  }

  onComplete(error: number): void {
    this.busy = false;
    this.owner.onSendComplete(this, error);
  }

  /** Copies the payload, so that the program may have its buffers back before the provider is done with them. */
  detach(): void {
    for (let i = 1; i < this.buffers.length; i++) {
      const buffer = this.buffers[i];
      this.buffers[i] = { len: buffer.len, buf: Uint8Array.prototype.slice.call(buffer.buf, 0, buffer.len) };
    }
  }
}
