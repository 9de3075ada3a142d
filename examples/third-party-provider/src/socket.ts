/** The provider's record of one socket, and what its functions share. */
import type { Server, Socket } from 'node:net';
import {
  createNetworkEvents,
  finishOverlapped,
  recordNetworkEvent,
  type HANDLE,
  type Out,
  type SOCKADDR,
  type SOCKET,
  wantsNotification,
  type WSABUF,
  type WSAEVENT,
  type WSAOVERLAPPED,
  WSAENOTSOCK,
  WSANOTINITIALISED,
  type WSPUPCALLTABLEEX,
} from 'sockets-direct/spi';

/** Memory registered on a socket (MEM-1). */
export interface Registration {
  /** For local use; 0 if it is exposed. */
  readonly handle: HANDLE;
  /** In its descriptor, if it is exposed; 32 hexadecimal digits. */
  readonly key: string;
  readonly buffer: Uint8Array;
  readonly bytes: number;
  readonly flags: number;
  /** Registrations that have not been undone (MEM-13, MEM-17). */
  count: number;
  /** Transfers that use it now (MEM-15). */
  uses: number;
}

/** An operation that was started and has not ended. */
export interface Operation {
  readonly overlapped: WSAOVERLAPPED;
  /** What it must let go of before its end is told (CLOSE-5). */
  readonly memory: readonly Registration[];
}

export interface PostedReceive extends Operation {
  readonly buffers: readonly WSABUF[];
}

/** A connection request that waits for `WSPAccept`. */
export interface Request {
  readonly wire: Socket;
  readonly local: SOCKADDR;
  readonly remote: SOCKADDR;
  readonly data: Uint8Array;
}

export class Endpoint {
  state: 'open' | 'bound' | 'listening' | 'connecting' | 'connected' | 'disconnected' = 'open';
  local: SOCKADDR | null = null;
  readonly events = createNetworkEvents();
  event: WSAEVENT | null = null;
  eventMask = 0;
  readonly options = new Map<number, number>();
  readonly memory = new Set<Registration>();
  wire: Socket | null = null;
  /** The connect's place for the callee's data. */
  calleeData: WSABUF | null = null;
  /** Messages without a buffer yet, in the provider's own memory (SESS-6). */
  readonly early: Buffer[] = [];
  readonly posted: PostedReceive[] = [];
  readonly sends = new Set<Operation>();
  /** RDMA writes that the peer has not confirmed, by number. */
  readonly writes = new Map<number, Operation & { readonly bytes: number }>();
  nextWrite = 1;
  delivering = false;
  // Listening sockets.
  server: Server | null = null;
  backlog = 0;
  readonly queue: Request[] = [];

  /** `descriptor` is ours; `handle` the switch's, for up-calls (SOCK-8). */
  constructor(
    readonly descriptor: SOCKET,
    readonly handle: SOCKET,
  ) {}
}

/** What the functions of one provider share. */
export class Shared {
  starts = 0;
  upcalls!: WSPUPCALLTABLEEX;
  readonly sockets = new Map<SOCKET, Endpoint>();
  #nextDescriptor = 1;
  #nextHandle = 1;

  /** `folder`: where the Unix sockets are. */
  constructor(readonly folder: string) {}

  /** A number for a registration. */
  handle(): HANDLE {
    return this.#nextHandle++;
  }

  /** The record behind a descriptor, or null and the code (CLOSE-9). */
  find(s: SOCKET, lpErrno: Out<number>): Endpoint | null {
    const found = this.sockets.get(s);
    if (found !== undefined) return found;
    lpErrno.value = this.starts === 0 ? WSANOTINITIALISED : WSAENOTSOCK;
    return null;
  }

  /** A new socket with the switch's handle in it (SOCK-6, ACC-4), or null and the code. */
  create(lpErrno: Out<number>): Endpoint | null {
    const descriptor = this.#nextDescriptor++; // never used twice, which is more than DUP-33 asks
    const handle = this.upcalls.lpWPUCreateSocketHandle(0, descriptor, lpErrno);
    if (handle < 0) return null;
    const endpoint = new Endpoint(descriptor, handle);
    this.sockets.set(descriptor, endpoint);
    return endpoint;
  }

  /** Records an event and signals it, if it was asked for (SYNC-2). Not from inside a call of the switch's. */
  signal(endpoint: Endpoint, bit: number, error: number): void {
    recordNetworkEvent(endpoint.events, bit, error);
    const { event, eventMask } = endpoint;
    if (event !== null && (eventMask & (1 << bit)) !== 0) this.upcalls.lpWPUSetEvent(event, { value: 0 });
  }

  /** Ends an operation in the way its owner asked for (XFER-22, XFER-23), its memory let go first (CLOSE-5). */
  complete({ handle }: Endpoint, { overlapped, memory }: Operation, error: number, bytes: number): void {
    for (const registration of memory) registration.uses--;
    const moved = error === 0 ? bytes : 0;
    if (!wantsNotification(overlapped)) finishOverlapped(overlapped, error, moved);
    else this.upcalls.lpWPUCompleteOverlappedRequest(handle, overlapped, error, moved, { value: 0 });
  }
}

/** Sets the code and gives `SOCKET_ERROR`, which is also `INVALID_SOCKET`. */
export function failed(lpErrno: Out<number>, code: number): number {
  lpErrno.value = code;
  return -1;
}
