/**
 * Change notices of the catalog with the rules of `WSAProviderConfigChange` (SW-19, SW-22). The rules exist so that a
 * watcher cannot miss a change: it re-arms first and enumerates then, and a change between two calls is remembered.
 */
import {
  beginOverlapped,
  finishOverlapped,
  type HANDLE,
  NULL_HANDLE,
  type Out,
  SOCKET_ERROR,
  WSA_INVALID_HANDLE,
  WSA_IO_PENDING,
  type WSAOVERLAPPED,
} from '../spi/index.js';

/** Called once when an armed notice fires; the analogue of the completion routine. Must not throw. */
export type ConfigChangeRoutine = (lpOverlapped: WSAOVERLAPPED) => void;

interface Watcher {
  /** The generation of the catalog that this watcher knows of. */
  seen: number;
  armed: { readonly lpOverlapped: WSAOVERLAPPED; readonly routine: ConfigChangeRoutine } | null;
}

export class NotificationHandles {
  #generation = 0;
  #next = 1;
  readonly #watchers = new Map<HANDLE, Watcher>();

  /**
   * The first call, with {@link NULL_HANDLE} in `lpNotificationHandle`, stores a handle there and completes at once: 0.
   * Later calls answer `WSA_IO_PENDING` and complete at the next change, or answer 0 if there was one since the last
   * completion. A handle not from here: `WSA_INVALID_HANDLE`. Only one notice per handle is armed; a second call
   * replaces the first.
   */
  configChange(
    lpNotificationHandle: Out<HANDLE>,
    lpOverlapped: WSAOVERLAPPED,
    routine: ConfigChangeRoutine,
    lpErrno: Out<number>,
  ): number {
    if (lpNotificationHandle.value === NULL_HANDLE) {
      lpNotificationHandle.value = this.#next++;
      this.#watchers.set(lpNotificationHandle.value, { seen: this.#generation, armed: null });
      return 0;
    }
    const watcher = this.#watchers.get(lpNotificationHandle.value);
    if (watcher === undefined) {
      lpErrno.value = WSA_INVALID_HANDLE;
      return SOCKET_ERROR;
    }
    if (watcher.seen !== this.#generation) {
      watcher.seen = this.#generation;
      return 0;
    }
    beginOverlapped(lpOverlapped);
    watcher.armed = { lpOverlapped, routine };
    lpErrno.value = WSA_IO_PENDING;
    return SOCKET_ERROR;
  }

  /** Forgets a handle; an armed notice never fires. */
  close(handle: HANDLE): void {
    this.#watchers.delete(handle);
  }

  /** The catalog changed: every armed notice fires, once. */
  changed(): void {
    this.#generation++;
    for (const watcher of [...this.#watchers.values()]) {
      const { armed } = watcher;
      if (armed === null) continue;
      watcher.armed = null;
      watcher.seen = this.#generation;
      finishOverlapped(armed.lpOverlapped, 0, 0);
      armed.routine(armed.lpOverlapped);
    }
  }
}
