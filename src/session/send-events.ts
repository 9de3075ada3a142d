/** What the sending half of a session tells its session, and the words about transfers that it sends. */
import type { WSABUF } from '../spi/index.js';
import type { Outgoing } from './transfer/outgoing.js';

/** What the sending half tells its session. */
export interface SendEvents {
  /** The pending write has ended (0 or a WSA code). */
  onWriteEnd(error: number): void;
  /** The FIN is out. */
  onFinSent(): void;
  /** The first buffer that is large enough: whatever transfers need. */
  beginTransfers(): Outgoing;
  /** Whether nothing moves between the two memories just now; {@link SendSide.pump} is called when that changes. */
  readonly transfersRest: boolean;
  /** SUSPENDED is on its way. */
  onSilence(): void;
  /** The provider failed a send for good. */
  onSendFailed(error: number): void;
}

/** A message about a transfer, as another process is to send it. */
export interface Word {
  readonly type: number;
  readonly body: Uint8Array;
}

/** A message that is not part of the stream, and waits for credit or for the provider. */
export interface ControlMessage {
  readonly type: number;
  readonly body: WSABUF;
}
