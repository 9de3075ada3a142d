/**
 * The proxy driver's device-control entry point (PD-7, PD-9): numeric codes, an input, an output, a status. In Windows the
 * only way in; here a second one beside the class's methods, for providers that keep to the published division of labour,
 * and the one that checks everything it is given. docs/PROXY_DRIVER.md has the table.
 */
import type { DeviceFilter, NicAddress, NicSockaddr } from './address-list.js';
import type { Endpoint, NativeAddress, ProxyDriver } from './driver.js';
import { EINVAL, ENOTTY } from './errno.js';
import type { SecuredRange } from './secured-memory.js';

/** As `CTL_CODE(FILE_DEVICE_NETWORK, 0x800 + n, METHOD_BUFFERED, FILE_ANY_ACCESS)` makes them. */
export const IOCTL_SD_GET_ADDRESS_LIST = 0x122000;
export const IOCTL_SD_ALLOCATE_MEMORY = 0x122004;
export const IOCTL_SD_RELEASE_MEMORY = 0x122008;
export const IOCTL_SD_SECURE_MEMORY = 0x12200c;
export const IOCTL_SD_UNSECURE_MEMORY = 0x122010;
export const IOCTL_SD_CHECK_MEMORY = 0x122014;
export const IOCTL_SD_PIN_MEMORY = 0x122018;
export const IOCTL_SD_UNPIN_MEMORY = 0x12201c;
export const IOCTL_SD_READ_USER_MEMORY = 0x122020;
export const IOCTL_SD_WRITE_USER_MEMORY = 0x122024;
export const IOCTL_SD_IP_TO_NATIVE = 0x122028;
export const IOCTL_SD_NATIVE_TO_IP = 0x12202c;
export const IOCTL_SD_QUERY_STATUS = 0x122030;

/** Where the driver stands (IOCTL_SD_QUERY_STATUS). */
export interface DriverStatus {
  /** Loads that have not been unloaded. */
  readonly loads: number;
  /** Bytes that providers have allocated, and the most they may. */
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  /** Bytes that are pinned, and those of them that are locked against swapping as well (SP-15). */
  readonly pinnedBytes: number;
  readonly lockedBytes: number;
  /** `unused`: nobody has secured anything yet. `refused`: the system does not allow it, `securedReason` says why. */
  readonly secured: 'unused' | 'on' | 'refused';
  readonly securedReason: string | null;
  /** Ranges of the whole process that are secured now. */
  readonly securedRanges: number;
}

/** Input and output of each code. */
export interface DeviceControls {
  [IOCTL_SD_GET_ADDRESS_LIST]: {
    input: DeviceFilter | null;
    output: { readonly sockaddrs: NicSockaddr[]; readonly nics: NicAddress[] };
  };
  [IOCTL_SD_ALLOCATE_MEMORY]: { input: number; output: ArrayBuffer };
  [IOCTL_SD_RELEASE_MEMORY]: { input: ArrayBuffer; output: null };
  [IOCTL_SD_SECURE_MEMORY]: { input: Uint8Array; output: SecuredRange };
  [IOCTL_SD_UNSECURE_MEMORY]: { input: SecuredRange; output: null };
  [IOCTL_SD_CHECK_MEMORY]: { input: SecuredRange; output: null };
  [IOCTL_SD_PIN_MEMORY]: { input: Uint8Array; output: ArrayBuffer };
  [IOCTL_SD_UNPIN_MEMORY]: { input: ArrayBuffer; output: null };
  [IOCTL_SD_READ_USER_MEMORY]: { input: UserMemory; output: null };
  [IOCTL_SD_WRITE_USER_MEMORY]: { input: UserMemory; output: null };
  [IOCTL_SD_IP_TO_NATIVE]: { input: { readonly remote: Endpoint; readonly local: Endpoint }; output: NativeAddress };
  [IOCTL_SD_NATIVE_TO_IP]: { input: number; output: Endpoint };
  [IOCTL_SD_QUERY_STATUS]: { input: null; output: DriverStatus };
}

/** A guarded copy (PD-16): between `bytes` and an address that need not be there. */
export interface UserMemory {
  readonly address: number;
  readonly bytes: Uint8Array;
}

type Handler = (driver: ProxyDriver, input: unknown) => unknown;

const HANDLERS = new Map<number, Handler>([
  [
    IOCTL_SD_GET_ADDRESS_LIST,
    (driver, input) => {
      if (input !== null && typeof input !== 'function') return EINVAL;
      const devices = input as DeviceFilter | null;
      return { sockaddrs: driver.getAddressList(devices), nics: driver.getNicAddresses(devices) };
    },
  ],
  [
    IOCTL_SD_ALLOCATE_MEMORY,
    (driver, input) => (typeof input === 'number' ? driver.allocations.allocate(input) : EINVAL),
  ],
  [
    IOCTL_SD_RELEASE_MEMORY,
    (driver, input) => (input instanceof ArrayBuffer ? driver.allocations.release(input) : EINVAL),
  ],
  [IOCTL_SD_SECURE_MEMORY, (driver, input) => (isBytes(input) ? driver.secured.secure(input) : EINVAL)],
  [IOCTL_SD_UNSECURE_MEMORY, (driver, input) => (isRange(input) ? driver.secured.unsecure(input) : EINVAL)],
  [IOCTL_SD_CHECK_MEMORY, (driver, input) => (isRange(input) ? driver.secured.check(input, true) : EINVAL)],
  [IOCTL_SD_PIN_MEMORY, (driver, input) => (isBytes(input) ? driver.pinMemory(input) : EINVAL)],
  [IOCTL_SD_UNPIN_MEMORY, (driver, input) => (input instanceof ArrayBuffer ? driver.unpinMemory(input) : EINVAL)],
  [
    IOCTL_SD_READ_USER_MEMORY,
    (driver, input) => (isUserMemory(input) ? driver.addon.guardedRead(input.address, input.bytes) : EINVAL),
  ],
  [
    IOCTL_SD_WRITE_USER_MEMORY,
    (driver, input) => (isUserMemory(input) ? driver.addon.guardedWrite(input.address, input.bytes) : EINVAL),
  ],
  [
    IOCTL_SD_IP_TO_NATIVE,
    (driver, input) => {
      const { remote, local } = (input ?? {}) as { remote?: unknown; local?: unknown };
      return isEndpoint(remote) && isEndpoint(local) ? driver.translate(remote, local) : EINVAL;
    },
  ],
  [IOCTL_SD_NATIVE_TO_IP, (driver, input) => (isDescriptor(input) ? driver.getEndpoint(input) : EINVAL)],
  [IOCTL_SD_QUERY_STATUS, (driver) => driver.status()],
]);

/** One request: 0, and the answer in `output`; or -errno, and null: -ENOTTY no such code, -EINVAL not such an input. */
export function deviceControl(driver: ProxyDriver, code: number, input: unknown, output: { value: unknown }): number {
  output.value = null;
  const handler = HANDLERS.get(code);
  if (handler === undefined) return ENOTTY;
  const answer = handler(driver, input);
  if (typeof answer === 'number') return answer;
  output.value = answer;
  return 0;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function isDescriptor(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}

function isRange(value: unknown): value is SecuredRange {
  const { slot, generation } = (value ?? {}) as Partial<Record<string, unknown>>;
  return isDescriptor(slot) && typeof generation === 'number';
}

function isUserMemory(value: unknown): value is UserMemory {
  const { address, bytes } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof address === 'number' && Number.isSafeInteger(address) && address >= 0 && isBytes(bytes);
}

function isEndpoint(value: unknown): value is Endpoint {
  const { address, port, family } = (value ?? {}) as Partial<Record<string, unknown>>;
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65535;
  return typeof address === 'string' && isPort && (family === 4 || family === 6);
}
