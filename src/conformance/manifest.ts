/** What a provider says of itself, so that the kit knows which cases it must pass. */

/** Sizes and depths of a provider. A case never goes beyond them, except to see that the provider refuses. */
export interface ProviderLimits {
  /** Bytes: most in one `WSPSend`, as `SO_MAX_MSG_SIZE` tells (OPT-5); null: no limit. */
  readonly messageBytes: number | null;
  /** Bytes: most in one `WSPRdmaRead` or `WSPRdmaWrite`, as `SO_MAX_RDMA_SIZE` tells (OPT-6); null: no limit. */
  readonly rdmaBytes: number | null;
  /** Receives that may be posted at once on a socket. The switch posts twelve (OBS-7), so not less. Default 12. */
  readonly receives?: number;
  /** Messages that are kept for a receiver that comes late. One is the least: the negotiation (SESS-6). Default 1. */
  readonly earlyMessages?: number;
  /** Buffers that one `WSPSend` gathers. Default 1, which is all that the switch needs (OBS-8). */
  readonly buffersPerMessage?: number;
}

/** What a provider may do without, each with a reason of its own; see docs/CONFORMANCE.md. */
export type Lack =
  /**
   * A connect that it refuses may still succeed by TCP, so that CONN-14 forbids it the three authoritative codes. It then
   * answers with codes that let the switch go on (LIST-7, ACC-7 ask for `WSAECONNREFUSED`).
   */
  | 'authoritative-refusal'
  /** It takes a copy of what it transfers at once, so no registered memory is ever "in use by a transfer" (MEM-15). */
  | 'memory-in-use'
  /**
   * What is within reach is settled by the side that reads or writes, which the system lets at the whole memory of its
   * peer: a descriptor that was tampered with is not always noticed (MEM-8, as far as the transport can enforce it).
   */
  | 'unforgeable-descriptors';

/** What a provider says of itself. Cases that do not apply are not registered; a claim that is untrue fails a case. */
export interface ProviderManifest {
  /** For messages. */
  readonly name: string;
  /** `san`: a SAN service provider. `base`: a TCP/IP provider, of which the switch asks much less (TC-1…17). */
  readonly kind: 'san' | 'base';
  /** Winsock's values, `AF_INET` and `AF_INET6`; the first one is used for connections. */
  readonly addressFamilies: readonly number[];
  /** Answers `WSAID_SD_OWNEDRECEIVE`. */
  readonly ownsReceiveBuffers: boolean;
  /** Carries connect data, flag `XP1_CONNECT_DATA` (SESS-5). */
  readonly connectData: boolean;
  /** Offers `WSPRdmaRead` (SP-9). */
  readonly rdmaRead: boolean;
  /** Keeps registrations after deregistration, so offers `WSPMemoryRegistrationCacheCallback` (SP-10, CACHE-16). */
  readonly memoryRegistrationCache: boolean;
  /** Hands connections to other processes (DUP-18…33). */
  readonly duplicate: boolean;
  /** Offers quality of service, flag `XP1_QOS_SUPPORTED` (SP-20, SP-21, OPT-8, OPT-9). */
  readonly qos: boolean;
  readonly limits: ProviderLimits;
  /** What it does without, and why. */
  readonly lacks?: Readonly<Partial<Record<Lack, string>>>;
}

/** Receives that the kit posts on a socket. */
export function receivesOf(manifest: ProviderManifest): number {
  return manifest.limits.receives ?? 12;
}

/** Early messages that the kit sends. */
export function earlyMessagesOf(manifest: ProviderManifest): number {
  return manifest.limits.earlyMessages ?? 1;
}
