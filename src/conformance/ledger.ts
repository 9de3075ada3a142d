/**
 * The kit's up-call table, and the book it keeps: sockets by handle and descriptor, calls that are under way, what the
 * provider did wrong. It trusts nothing that comes up.
 */
import {
  createUpcallTable,
  finishOverlapped,
  INVALID_SOCKET,
  type LPWPUCOMPLETEOVERLAPPEDREQUEST,
  type Out,
  setEvent,
  type SOCKET,
  SOCKET_ERROR,
  WSA_IO_INCOMPLETE,
  WSA_IO_PENDING,
  WSA_ERRORS,
  WSAEINPROGRESS,
  WSAENOTSOCK,
  type WSAEVENT,
  type WSAOVERLAPPED,
  type WSPUPCALLTABLEEX,
  WSS_OPERATION_IN_PROGRESS,
} from '../spi/index.js';
import { ConformanceError, named } from './failure.js';
import { WatchedOverlapped } from './overlapped.js';

/** Far from what anybody uses as a descriptor, and not one after the other. */
const FIRST_HANDLE = 0x51d00003;
const HANDLE_STEP = 17;

const KNOWN_CODES: ReadonlySet<number> = new Set(WSA_ERRORS.map(({ value }) => value));

/** One socket of the provider, as the kit knows it. */
export interface SocketEntry {
  readonly handle: SOCKET;
  readonly context: unknown;
  /** The provider's descriptor; -1 until the call that makes it has returned. */
  descriptor: SOCKET;
  state: 'creating' | 'open' | 'closing' | 'closed';
  /** Started and not ended. */
  readonly operations: Set<WatchedOverlapped>;
}

/** A call of the kit's that the provider is in. */
export interface Call {
  readonly name: string;
  readonly s: SOCKET;
  readonly created: SocketEntry[];
}

/** An event object that counts. */
export class WatchedEvent implements WSAEVENT {
  signalled = false;
  onSet: (() => void) | null = null;
  /** How often it was signalled. */
  sets = 0;
}

export class Ledger {
  readonly violations: ConformanceError[] = [];
  readonly upcalls: WSPUPCALLTABLEEX;
  /** Innermost last. */
  readonly calls: Call[] = [];
  readonly byHandle = new Map<SOCKET, SocketEntry>();
  /** Open ones. */
  readonly byDescriptor = new Map<SOCKET, SocketEntry>();
  /** Which socket an event was selected for. */
  readonly events = new Map<WSAEVENT, SOCKET>();
  /** If not 0, `WPUCreateSocketHandle` fails with it. */
  refuseHandles = 0;
  /** Starts without a cleanup yet. */
  starts = 0;
  #nextHandle = FIRST_HANDLE;

  constructor() {
    this.upcalls = createUpcallTable({
      lpWPUCreateSocketHandle: (_entry, dwContext, lpErrno) => this.#create(dwContext, lpErrno),
      lpWPUCloseSocketHandle: (s, lpErrno) => this.#close(s, lpErrno),
      lpWPUQuerySocketHandleContext: (s, lpContext, lpErrno) => this.#query(s, lpContext, lpErrno),
      lpWPUCompleteOverlappedRequest: (...args) => this.#complete(...args),
      lpWPUSetEvent: (hEvent) => this.#set(hEvent),
    });
  }

  readonly report = (requirements: readonly string[], seen: string): void => {
    this.violations.push(new ConformanceError(requirements, seen));
  };

  #alive(upcall: string): void {
    if (this.starts === 0 && this.calls.length === 0) {
      this.report(['SP-12'], `${upcall} was called after the last WSPCleanup`);
    }
  }

  #create(context: unknown, lpErrno: Out<number>): SOCKET {
    this.#alive('WPUCreateSocketHandle');
    if (this.refuseHandles !== 0) {
      lpErrno.value = this.refuseHandles;
      return INVALID_SOCKET;
    }
    const call = this.calls.at(-1);
    if (call?.name !== 'WSPSocket' && call?.name !== 'WSPAccept') {
      this.report(['SOCK-6', 'ACC-4'], `WPUCreateSocketHandle was called outside WSPSocket and WSPAccept`);
    }
    const handle = this.#nextHandle;
    this.#nextHandle += HANDLE_STEP;
    const entry: SocketEntry = { handle, context, descriptor: -1, state: 'creating', operations: new Set() };
    this.byHandle.set(handle, entry);
    call?.created.push(entry);
    return handle;
  }

  /** The entry behind a handle that came up; reports one that is none (SOCK-8) or is closed (CLOSE-6). */
  #entry(s: SOCKET, upcall: string, lpErrno: Out<number>): SocketEntry | null {
    this.#alive(upcall);
    const entry = this.byHandle.get(s);
    if (entry !== undefined && entry.state !== 'closed') return entry;
    if (entry !== undefined) this.report(['CLOSE-6'], `${upcall} came after WPUCloseSocketHandle of the same socket`);
    else {
      const own = this.byDescriptor.has(s) ? ', but the provider’s own descriptor' : '';
      this.report(['SOCK-8'], `${upcall} came with ${s}, which is not a handle of the switch’s${own}`);
    }
    lpErrno.value = WSAENOTSOCK;
    return null;
  }

  #query(s: SOCKET, lpContext: Out<unknown>, lpErrno: Out<number>): number {
    const entry = this.#entry(s, 'WPUQuerySocketHandleContext', lpErrno);
    if (entry === null) return SOCKET_ERROR;
    lpContext.value = entry.context;
    return 0;
  }

  #close(s: SOCKET, lpErrno: Out<number>): number {
    const entry = this.#entry(s, 'WPUCloseSocketHandle', lpErrno);
    if (entry === null) return SOCKET_ERROR;
    if (entry.state === 'open' && !this.calls.some(({ name }) => name === 'WSPCleanup')) {
      this.report(['CLOSE-7'], 'WPUCloseSocketHandle came before the switch called WSPCloseSocket');
    }
    for (const operation of entry.operations) {
      // A polled one ends by what is written into it.
      if (operation.polled && operation.finished) continue;
      this.report(
        ['CLOSE-4', 'CLOSE-6'],
        'WPUCloseSocketHandle came while an operation of the socket was still pending',
      );
    }
    entry.operations.clear();
    entry.state = 'closed';
    return 0;
  }

  #complete(...args: Parameters<LPWPUCOMPLETEOVERLAPPEDREQUEST>): number {
    const [s, lpOverlapped, dwError, cbTransferred, lpErrno] = args;
    const entry = this.#entry(s, 'WPUCompleteOverlappedRequest', lpErrno);
    const operation: WSAOVERLAPPED = lpOverlapped;
    if (!(operation instanceof WatchedOverlapped)) {
      this.report(['XFER-23'], 'WPUCompleteOverlappedRequest came with an overlapped structure that was never posted');
      return SOCKET_ERROR;
    }
    if (entry !== null) this.#checkCompletion(entry, operation, dwError, cbTransferred);
    const counts = operation.state === 'pending' || operation.state === 'posting';
    if (!counts) return entry === null ? SOCKET_ERROR : 0;
    this.byHandle.get(operation.handle)?.operations.delete(operation);
    operation.duringUpcall(() => {
      finishOverlapped(operation, dwError, cbTransferred);
    });
    operation.end(dwError, dwError === 0 ? cbTransferred : 0);
    operation.onComplete?.(operation);
    return entry === null ? SOCKET_ERROR : 0;
  }

  #checkCompletion(entry: SocketEntry, operation: WatchedOverlapped, error: number, bytes: number): void {
    const { state } = operation;
    if (state === 'done') this.report(['XFER-23'], 'an operation was completed twice');
    else if (state === 'refused') this.report(['XFER-23'], 'an operation whose call had failed was completed');
    else if (state === 'idle') this.report(['XFER-23'], 'an operation that was never started was completed');
    else if (state === 'posting') {
      this.report(
        ['XFER-21', 'OBS-16'],
        'an operation was completed by an up-call from inside the call that starts it',
      );
    }
    if (operation.polled) this.report(['XFER-22'], 'a polled operation was notified');
    else if (state === 'pending' && operation.Internal !== WSS_OPERATION_IN_PROGRESS) {
      this.report(['XFER-27'], 'Internal was not "in progress" any more when the completion was notified');
    }
    if (operation.handle !== entry.handle) {
      this.report(['SOCK-8'], 'an operation was completed with the handle of another socket');
    }
    if (error !== 0 && bytes !== 0) this.report(['OBS-19'], `an operation failed, and yet ${bytes} bytes were told`);
    if (error === WSA_IO_PENDING || error === WSA_IO_INCOMPLETE || (error !== 0 && !KNOWN_CODES.has(error))) {
      this.report(['XFER-23'], `an operation ended with ${named(error)}`);
    }
    if (error === WSAEINPROGRESS) this.report(['SP-22'], 'an operation ended with WSAEINPROGRESS');
  }

  #set(hEvent: WSAEVENT): boolean {
    this.#alive('WPUSetEvent');
    const s = this.events.get(hEvent);
    if (hEvent instanceof WatchedEvent) hEvent.sets++;
    if (s === undefined) {
      this.report(['SYNC-2', 'CONN-6'], 'an event was signalled that no open socket has selected');
      return true;
    }
    const call = this.calls.at(-1);
    if (call?.s === s && call.name !== 'WSPAccept' && call.name !== 'WSPEventSelect') {
      this.report(['CONN-5', 'OBS-20'], `the event of a socket was signalled from inside ${call.name} on that socket`);
    }
    setEvent(hEvent);
    return true;
  }
}
