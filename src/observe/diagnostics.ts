/**
 * Events for tools and logs, on `node:diagnostics_channel`. Names and messages are part of the public interface
 * (docs/OPERATING.md). Publishing to a channel that nobody listens to costs one property read: test `hasSubscribers`
 * before making the message.
 */
import { channel } from 'node:diagnostics_channel';
import type { Channel } from 'node:diagnostics_channel';
import type { Carrier, Endpoint } from './snapshot.js';

/** The route of one connection was decided, and is final. */
export interface RouteMessage {
  readonly id: number;
  readonly side: 'connect' | 'accept';
  readonly carrier: Carrier;
  readonly provider: string | null;
  /** Reason code, null on the SAN. */
  readonly reason: string | null;
  readonly local: Endpoint | null;
  readonly remote: Endpoint;
}

/** A link to another isolate was made or is gone. */
export interface LinkMessage {
  readonly event: 'open' | 'close';
  readonly link: number;
  readonly provider: string;
  readonly peerPid: number;
  readonly peerUid: number;
  /** On close: why, in words; null for an orderly end. */
  readonly error: string | null;
  /** On open: why the other's memory cannot be reached directly, so that all data are copied twice; null if it can. */
  readonly copying: string | null;
  /** On open: whether the link's memory is locked, so that it is never swapped out. */
  readonly locked: boolean;
}

/** A listener began or ended to serve a SAN beside TCP; `tcp`: it serves TCP alone, for this reason. */
export interface ListenerMessage {
  readonly event: 'open' | 'close' | 'tcp';
  readonly id: number;
  readonly local: Endpoint;
  readonly provider: string | null;
  readonly reason: string | null;
}

/** Something failed that cost speed, not correctness: a peer broke the protocol, a provider did not load … */
export interface ErrorMessage {
  /** Who decided that it is an error: `switch`, `shm`, `config` … */
  readonly component: string;
  /** Stable code, such as a reason code, WSA code or errno name. */
  readonly code: string;
  readonly message: string;
}

interface TypedChannel<Message> extends Channel {
  publish(message: Message): void;
}

/** The channels, `sockets-direct:<key>` each. Held here, since the registry itself holds them weakly. */
export const channels = {
  route: channel('sockets-direct:route') as TypedChannel<RouteMessage>,
  link: channel('sockets-direct:link') as TypedChannel<LinkMessage>,
  listener: channel('sockets-direct:listener') as TypedChannel<ListenerMessage>,
  error: channel('sockets-direct:error') as TypedChannel<ErrorMessage>,
};
