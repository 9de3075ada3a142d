/** What our side offers on every connection of a provider (SESS-2, GAP-4): the settings, within the provider's limits. */
import {
  type Offer,
  PAYLOAD_BYTES_MAX,
  POSTED_BUFFER_BYTES,
  POSTED_BUFFERS,
  SESSION_VERSION,
} from '../session/index.js';
import {
  out,
  type Out,
  type SanExtensions,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SO_SD_DUPLICATION,
  SO_SIZE_UNLIMITED,
  type SOCKET,
  SOL_SOCKET,
  type WSPPROC_TABLE,
} from '../spi/index.js';

/** What our side wants on every connection, before a provider's limits. */
export interface SessionSettings {
  readonly windowBytes: number;
  readonly receiveBuffers: number;
  /** How large writes travel (D7); `auto`: as the provider prefers. */
  readonly transfer?: 'auto' | 'pull' | 'push' | 'copy';
  /** Bytes above which a write is a large one; 0: the provider's preference (XFER-2). */
  readonly transferThresholdBytes?: number;
}

/** Smallest message, in bytes, that a session can live with. */
const MESSAGE_BYTES_MIN = 64;

const errno = out(0);
const optval: Out<number | string> = out<number | string>(0);
const optlen = out(0);

/** A string says which of its answers make the provider unusable. `posted`: it does not own receive buffers (SESS-11). */
export function makeOffer(
  procs: WSPPROC_TABLE,
  s: SOCKET,
  extensions: SanExtensions,
  settings: SessionSettings,
  posted = false,
): Offer | string {
  const maxMessageBytes = size(procs, s, SO_MAX_MSG_SIZE) ?? SO_SIZE_UNLIMITED;
  if (!isSize(maxMessageBytes, MESSAGE_BYTES_MIN)) return `SO_MAX_MSG_SIZE of ${maxMessageBytes} bytes`;
  const maxRdmaBytes = size(procs, s, SO_MAX_RDMA_SIZE) ?? SO_SIZE_UNLIMITED;
  if (!isSize(maxRdmaBytes, 1)) return `SO_MAX_RDMA_SIZE of ${maxRdmaBytes} bytes`;
  const transfer = settings.transfer ?? 'auto';
  const preferred = size(procs, s, SO_RDMA_THRESHOLD_SIZE);
  return {
    version: SESSION_VERSION,
    windowBytes: settings.windowBytes,
    receiveBuffers: posted ? POSTED_BUFFERS : settings.receiveBuffers,
    rdmaRead: extensions.WSPRdmaRead !== null && (transfer === 'auto' || transfer === 'pull'),
    rdmaWrite: transfer === 'auto' || transfer === 'push',
    // Who posts buffers would have to wait for their return; a provider that owns them says when it is ready.
    suspend: !posted && size(procs, s, SO_SD_DUPLICATION) === 1,
    urgent: true,
    maxMessageBytes: posted ? Math.min(maxMessageBytes, POSTED_BUFFER_BYTES) : maxMessageBytes,
    maxRdmaBytes,
    rdmaThresholdBytes: threshold(transfer, settings.transferThresholdBytes ?? 0, preferred),
  };
}

/** A provider that has no preference is not asked to move large writes by RDMA, unless somebody wants it (XFER-2, OPT-7). */
function threshold(transfer: string, wanted: number, preferred: number | null): number {
  if (wanted > 0) return wanted;
  const usable = preferred !== null && isSize(preferred, 1) ? preferred : SO_SIZE_UNLIMITED;
  return transfer === 'auto' ? usable : Math.min(usable, PAYLOAD_BYTES_MAX);
}

function isSize(bytes: number, least: number): boolean {
  return Number.isInteger(bytes) && bytes >= least && bytes <= SO_SIZE_UNLIMITED;
}

/** A size that the provider tells; null: it does not (OPT-5, OPT-6). */
function size(procs: WSPPROC_TABLE, s: SOCKET, option: number): number | null {
  optlen.value = 4;
  return procs.lpWSPGetSockOpt(s, SOL_SOCKET, option, optval, optlen, errno) === 0 ? Number(optval.value) : null;
}
