/**
 * Event objects and network events: how a provider tells the switch that a connect ended or a connection request is
 * there. Only FD_CONNECT and FD_ACCEPT ever reach a provider (SYNC-1); the other bits are published names that the
 * switch uses towards the program.
 */

/** Bit number of {@link FD_READ}: data can be read. [HDR: winsock2.h] */
export const FD_READ_BIT = 0;
/** Bit number of {@link FD_WRITE}. */
export const FD_WRITE_BIT = 1;
/** Bit number of {@link FD_OOB}. */
export const FD_OOB_BIT = 2;
/** Bit number of {@link FD_ACCEPT}: index of its error in `iErrorCode`. */
export const FD_ACCEPT_BIT = 3;
/** Bit number of {@link FD_CONNECT}: index of the connect's result in `iErrorCode` (CONN-7). */
export const FD_CONNECT_BIT = 4;
/** Bit number of {@link FD_CLOSE}. */
export const FD_CLOSE_BIT = 5;
/** Bit number of {@link FD_QOS}. */
export const FD_QOS_BIT = 6;
/** Bit number of {@link FD_GROUP_QOS}. */
export const FD_GROUP_QOS_BIT = 7;
/** Bit number of {@link FD_ROUTING_INTERFACE_CHANGE}. */
export const FD_ROUTING_INTERFACE_CHANGE_BIT = 8;
/** Bit number of {@link FD_ADDRESS_LIST_CHANGE}. */
export const FD_ADDRESS_LIST_CHANGE_BIT = 9;
/** Number of event bits, and length of `iErrorCode`. */
export const FD_MAX_EVENTS = 10;

/** Data can be read. Never asked of a provider (SYNC-1). */
export const FD_READ = 0x001;
/** Data can be written. Never asked of a provider (SYNC-1). */
export const FD_WRITE = 0x002;
/** Urgent data is there. Never asked of a provider (SYNC-1, OOB-5). */
export const FD_OOB = 0x004;
/** A connection request waits for `WSPAccept` (LIST-5, ACC-1). */
export const FD_ACCEPT = 0x008;
/** The nonblocking connect ended, well or not (CONN-3, CONN-7). */
export const FD_CONNECT = 0x010;
/** The connection ended. A provider never signals it (CLOSE-10). */
export const FD_CLOSE = 0x020;
/** The socket's quality of service changed. */
export const FD_QOS = 0x040;
/** The socket group's quality of service changed. */
export const FD_GROUP_QOS = 0x080;
/** The interface to a destination changed. */
export const FD_ROUTING_INTERFACE_CHANGE = 0x100;
/** The list of local addresses changed (ADDR-11). TCP/IP's affair; never asked of a SAN provider (ADDR-10). */
export const FD_ADDRESS_LIST_CHANGE = 0x200;
/** The two events a provider must support, together or alone (SYNC-3). Any other bit: `WSAEINVAL` (OBS-34). */
export const FD_SAN_EVENTS = FD_ACCEPT | FD_CONNECT;

/**
 * A manual-reset event object, made by `WPUCreateEvent`. Only `WPUSetEvent`, `WPUResetEvent` and
 * `WSPEnumNetworkEvents` change `signalled`. `onSet` is its waiter (the analogue of the thread that waits, LIST-6): it
 * is called synchronously by `WPUSetEvent`, on every such call, and must not throw. It may call the provider from in
 * there, so a provider signals only when its own state is in order (as OBS-20 for completions).
 */
export interface WSAEVENT {
  signalled: boolean;
  onSet: (() => void) | null;
}

/**
 * What `WSPEnumNetworkEvents` reports: the events since the last call, and per event bit its `WSA*` code, 0 = success
 * (SYNC-2, SYNC-4). `iErrorCode` has {@link FD_MAX_EVENTS} entries.
 */
export interface WSANETWORKEVENTS {
  lNetworkEvents: number;
  iErrorCode: number[];
}

/** Makes an event object, not signalled, without a waiter. */
export function createEvent(): WSAEVENT {
  return { signalled: false, onSet: null };
}

/** Signals an event object and calls its waiter (CONN-6, LIST-5). */
export function setEvent(hEvent: WSAEVENT): void {
  hEvent.signalled = true;
  hEvent.onSet?.();
}

/** Makes an event object not signalled (ACC-6). */
export function resetEvent(hEvent: WSAEVENT): void {
  hEvent.signalled = false;
}

/** Makes an empty {@link WSANETWORKEVENTS}; used as a provider's record and as the caller's out-parameter. */
export function createNetworkEvents(): WSANETWORKEVENTS {
  return { lNetworkEvents: 0, iErrorCode: new Array<number>(FD_MAX_EVENTS).fill(0) };
}

/** Provider: record that event `bit` happened, with its `WSA*` code (0 = success). Signal the event afterwards. */
export function recordNetworkEvent(record: WSANETWORKEVENTS, bit: number, error: number): void {
  record.lNetworkEvents |= 1 << bit;
  record.iErrorCode[bit] = error;
}

/**
 * The body of `WSPEnumNetworkEvents`: resets the event object, then moves the record into `lpNetworkEvents` and clears
 * it, in this order, so that nothing recorded afterwards is lost (SYNC-2, OBS-34).
 */
export function takeNetworkEvents(
  record: WSANETWORKEVENTS,
  hEventObject: WSAEVENT | null,
  lpNetworkEvents: WSANETWORKEVENTS,
): void {
  if (hEventObject !== null) resetEvent(hEventObject);
  lpNetworkEvents.lNetworkEvents = record.lNetworkEvents;
  for (let bit = 0; bit < FD_MAX_EVENTS; bit++) {
    lpNetworkEvents.iErrorCode[bit] = record.iErrorCode[bit];
    record.iErrorCode[bit] = 0;
  }
  record.lNetworkEvents = 0;
}
