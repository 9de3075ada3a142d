/** What a loopback provider and its network are made with. */
import type { CacheOptions, ProxyDriver } from '../../proxy-driver/index.js';
import { SO_SIZE_UNLIMITED } from '../../spi/index.js';
import type { LoopbackScheduler } from './scheduler.js';

/** How `WSPRdmaRead` is answered: offered; its GUID refused (SW-17); or offered, and each call refused by the transport. */
export type RdmaReadSupport = 'offered' | 'absent' | 'refused';

/** One provider instance: a simulated host, or this process. All fields have defaults. */
export interface LoopbackOptions {
  /** Textual IP addresses of its NICs (SP-13). Default: 127.0.0.1 and ::1. */
  readonly addresses?: readonly string[];
  /** It owns receive buffers and offers `WSAID_SD_OWNEDRECEIVE`, as shm does. Default: posted buffers, as a NIC. */
  readonly ownsReceiveBuffers?: boolean;
  /** It carries connect data (`XP1_CONNECT_DATA`). Default true. */
  readonly connectData?: boolean;
  /** Default 'offered'. */
  readonly rdmaRead?: RdmaReadSupport;
  /** Nobody but this network reaches its addresses, so that "nobody listens there" is sure (CONN-14). Default false. */
  readonly authoritative?: boolean;
  /** Most requests in a send queue, and most buffers in a receive queue (OBS-7). Default 16. */
  readonly queueDepth?: number;
  /** `SO_MAX_MSG_SIZE`, `SO_MAX_RDMA_SIZE`, `SO_RDMA_THRESHOLD_SIZE`, in bytes. Default: no limit, no limit, 4096 (OBS-9). */
  readonly maxMessageBytes?: number;
  readonly maxRdmaBytes?: number;
  readonly rdmaThresholdBytes?: number;
  /**
   * Memory is pinned by a second mapping, made by the proxy driver, and kept after it is deregistered (CACHE-1). Default false:
   * nothing outlives its registration, and the cache callback is not offered (CACHE-16).
   */
  readonly cacheRegistrations?: boolean;
  /** The proxy driver for that. Default: the one of this isolate. */
  readonly driver?: ProxyDriver | null;
  /** Limits of the cache, in place of the operator's. */
  readonly cacheLimits?: Partial<CacheOptions>;
  /** ProviderId, if several are installed in one catalog. */
  readonly providerId?: string;
  /** `szProtocol`. Default 'loopback'. */
  readonly name?: string;
}

/**
 * How often things go wrong, each in a million, and how long they take, in ticks. All 0 unless given. A rate is tried
 * once for each call or step that it names.
 */
export interface LoopbackFaults {
  /** Most ticks that a message, a completion, a connect or an answer takes; each takes its own time (from 0 on). */
  readonly delayTicksMax: number;
  /** `WSPRegisterMemory`, `WSPRegisterRdmaMemory`: `WSAENOBUFS`. */
  readonly registerNoBuffers: number;
  /** `WSPSocket`: `WSAENOBUFS`. */
  readonly socketNoBuffers: number;
  /** A connect: refused (`WSAECONNREFUSED`), or never answered. */
  readonly connectRefused: number;
  readonly connectLost: number;
  /** `WSPSend`, `WSPRecv`: `WSAENETDOWN`. */
  readonly postNetDown: number;
  /** At each step of a connection of posted buffers: the connection breaks on both sides (`WSAECONNABORTED`). */
  readonly connectionLost: number;
}

export const NO_FAULTS: LoopbackFaults = {
  delayTicksMax: 0,
  registerNoBuffers: 0,
  socketNoBuffers: 0,
  connectRefused: 0,
  connectLost: 0,
  postNetDown: 0,
  connectionLost: 0,
};

export interface LoopbackNetworkOptions {
  /** Default: the event loop. */
  readonly scheduler?: LoopbackScheduler;
  /** 32 bits. With it delays, faults and descriptors come from it alone; without, descriptors cannot be guessed. */
  readonly seed?: number | null;
  readonly faults?: Partial<LoopbackFaults>;
}

/** Options with their defaults. */
export type LoopbackSettings = Required<LoopbackOptions>;

export const LOOPBACK_PROVIDER_ID = '3D5C9F70-41B6-4E0C-A7D4-90C2B1E86F35';

export function withDefaults(options: LoopbackOptions): LoopbackSettings {
  return {
    addresses: ['127.0.0.1', '::1'],
    ownsReceiveBuffers: false,
    connectData: true,
    rdmaRead: 'offered',
    authoritative: false,
    queueDepth: 16,
    maxMessageBytes: SO_SIZE_UNLIMITED,
    maxRdmaBytes: SO_SIZE_UNLIMITED,
    rdmaThresholdBytes: 4096,
    cacheRegistrations: false,
    driver: null,
    cacheLimits: {},
    providerId: LOOPBACK_PROVIDER_ID,
    name: 'loopback',
    ...options,
  };
}
