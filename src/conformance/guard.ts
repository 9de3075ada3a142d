/** Every call of the kit's into a provider goes through here: what it answers is checked against what is always true. */
import {
  INVALID_SOCKET,
  NULL_HANDLE,
  type Out,
  type SOCKET,
  SOCKET_ERROR,
  WSA_ERRORS,
  WSA_IO_PENDING,
  WSAEADDRINUSE,
  WSAEINPROGRESS,
  WSAEINVAL,
  WSAEOPNOTSUPP,
  WSAEWOULDBLOCK,
} from '../spi/index.js';
import { ConformanceError, named } from './failure.js';
import type { Call, Ledger, SocketEntry } from './ledger.js';
import { WatchedOverlapped } from './overlapped.js';

const UNTOUCHED = -7;
const KNOWN_CODES: ReadonlySet<number> = new Set(WSA_ERRORS.map(({ value }) => value));

/** Codes that a function never answers, with what says so. */
const NEVER: Readonly<Record<string, readonly [number, string][]>> = {
  WSPBind: [[WSAEADDRINUSE, 'SOCK-14']],
  WSPListen: [
    [WSAEADDRINUSE, 'LIST-9'],
    [WSAEOPNOTSUPP, 'LIST-9'],
  ],
  WSPCloseSocket: [[WSAEWOULDBLOCK, 'CLOSE-2']],
  WSPCleanup: [[WSAEINVAL, 'SP-12']],
};

/** Where a transfer's byte count is among the arguments. */
const COUNT_AT: Readonly<Record<string, number>> = { WSPSend: 3, WSPRecv: 3, WSPRdmaWrite: 6, WSPRdmaRead: 6 };

const BOOLEAN: ReadonlySet<string> = new Set(['WSPGetOverlappedResult', 'WSPGetQOSByName']);
const VALUE: ReadonlySet<string> = new Set(['WSPSocket', 'WSPAccept', 'WSPRegisterMemory']);

type Loose = (...args: unknown[]) => unknown;

/** `target` is looked up at each call, for a provider may replace its functions. `strict`: a SAN provider. */
export function guard<F extends (...args: never[]) => unknown>(
  ledger: Ledger,
  name: string,
  strict: boolean,
  target: () => F,
): F {
  const guarded: Loose = (...args) => run(ledger, name, strict, target() as unknown as Loose, args);
  return guarded as unknown as F;
}

function run(ledger: Ledger, name: string, strict: boolean, target: Loose, args: unknown[]): unknown {
  const lpErrno = args.at(-1) as Out<number>;
  const s = typeof args[0] === 'number' ? args[0] : -1;
  const call: Call = { name, s, created: [] };
  const operation = name in COUNT_AT ? (args.find((arg) => arg instanceof WatchedOverlapped) ?? null) : null;
  const entry = ledger.byDescriptor.get(s);
  lpErrno.value = UNTOUCHED;
  if (name === 'WSPCloseSocket' && entry !== undefined) entry.state = 'closing';
  operation?.post(entry?.handle ?? -1);
  ledger.calls.push(call);
  let result: unknown;
  try {
    result = target(...args);
  } catch (error) {
    if (error instanceof ConformanceError) throw error; // the kit's own, from a condition function or an up-call
    throw new ConformanceError(['OBS-22'], `${name} threw ${String(error)}, where a code was to be answered`);
  } finally {
    ledger.calls.pop();
  }
  const failed = isFailure(ledger, name, result);
  if (failed) checkCode(ledger, name, strict, lpErrno.value);
  const code = failed ? lpErrno.value : 0;
  if (operation !== null) settleOperation(ledger, name, operation, entry, code, args);
  if (name === 'WSPSocket' || name === 'WSPAccept') settleSocket(ledger, name, strict, call, failed, result as SOCKET);
  if (name === 'WSPCloseSocket' && entry !== undefined) settleClose(ledger, entry, failed);
  return result;
}

function isFailure(ledger: Ledger, name: string, result: unknown): boolean {
  if (BOOLEAN.has(name)) {
    if (typeof result !== 'boolean') ledger.report(['SP-2'], `${name} answered ${String(result)} instead of a boolean`);
    return result !== true;
  }
  if (VALUE.has(name)) {
    if (!Number.isInteger(result)) ledger.report(['SP-2'], `${name} answered ${String(result)} instead of an integer`);
    return name === 'WSPRegisterMemory' ? result === NULL_HANDLE : result === INVALID_SOCKET;
  }
  if (result !== 0 && result !== SOCKET_ERROR) {
    ledger.report(['SP-2'], `${name} answered ${String(result)}, which is neither 0 nor SOCKET_ERROR`);
  }
  return result !== 0;
}

function checkCode(ledger: Ledger, name: string, strict: boolean, code: number): void {
  if (code === UNTOUCHED) ledger.report(['SP-2'], `${name} failed and left no code in lpErrno`);
  else if (!KNOWN_CODES.has(code)) ledger.report(['SP-2'], `${name} failed with ${code}, which is no code`);
  if (code === WSAEINPROGRESS) ledger.report(['SP-22'], `${name} failed with WSAEINPROGRESS, which is never valid`);
  for (const [never, id] of strict ? (NEVER[name] ?? []) : []) {
    if (code === never) ledger.report([id], `${name} failed with ${named(code)}, which it never may`);
  }
}

function settleOperation(
  ledger: Ledger,
  name: string,
  operation: WatchedOverlapped,
  entry: SocketEntry | undefined,
  code: number,
  args: readonly unknown[],
): void {
  if (operation.state !== 'posting') return; // completed inside the call: reported by the up-call
  if (code === 0) {
    operation.end(0, (args[COUNT_AT[name] ?? 0] as Out<number>).value);
  } else if (code !== WSA_IO_PENDING) {
    operation.state = 'refused';
    operation.error = code;
  } else {
    if (!operation.begun) {
      ledger.report(['XFER-27', 'OBS-16'], `${name} pends, but Internal was not set to WSS_OPERATION_IN_PROGRESS`);
    }
    if (operation.finished && !operation.polled) {
      ledger.report(['XFER-27'], `${name} wrote the end of a notified operation itself, before the up-call`);
    }
    operation.state = 'pending';
    entry?.operations.add(operation);
  }
}

function settleSocket(
  ledger: Ledger,
  name: string,
  strict: boolean,
  call: Call,
  failed: boolean,
  descriptor: SOCKET,
): void {
  const id = name === 'WSPSocket' ? 'SOCK-6' : 'ACC-4';
  const kept = call.created.filter(({ state }) => state !== 'closed');
  if (failed) {
    if (kept.length > 0) ledger.report([id], `${name} failed, and kept a handle that it had asked for`);
    return;
  }
  if (descriptor < 0) ledger.report([id], `${name} answered ${descriptor}, which cannot be a descriptor`);
  const known = ledger.byDescriptor.get(descriptor);
  if (known !== undefined && kept.length > 0) {
    ledger.report(['DUP-33'], `${name} gave out descriptor ${descriptor}, which is still open`);
  }
  if (kept.length !== 1 && strict && known === undefined) {
    ledger.report([id], `${name} called WPUCreateSocketHandle ${kept.length} times instead of once`);
  }
  const entry = kept.at(0) ?? known ?? withoutHandle(descriptor);
  if (entry.handle === descriptor)
    ledger.report([id, 'SOCK-8'], `${name} answered the switch’s handle instead of its own`);
  entry.descriptor = descriptor;
  entry.state = 'open';
  ledger.byDescriptor.set(descriptor, entry);
}

/** A base provider's socket is a file handle, and no `WPUCreateSocketHandle` is called for it (SP-20). */
function withoutHandle(descriptor: SOCKET): SocketEntry {
  return { handle: -2 - descriptor, context: null, descriptor, state: 'open', operations: new Set() };
}

function settleClose(ledger: Ledger, entry: SocketEntry, failed: boolean): void {
  if (failed) {
    if (entry.state === 'closing') entry.state = 'open';
    ledger.report(['CLOSE-2'], 'WSPCloseSocket of an open socket failed');
    return;
  }
  if (entry.handle < 0) entry.state = 'closed';
  ledger.byDescriptor.delete(entry.descriptor);
  for (const [event, s] of ledger.events) if (s === entry.descriptor) ledger.events.delete(event);
}
