/**
 * The switch's half of the two-handle rule (SOCK-8): handles that providers get from `WPUCreateSocketHandle` and give
 * back in every other up-call. A handle is never used twice, so a late up-call cannot hit another socket.
 */
import type { SOCKET } from '../spi/index.js';

/** Who handles belong to, and where the switch finds the one that a call has just made. */
export interface HandleOwner {
  /** Its entry in the catalog. `WPUCreateSocketHandle` takes this or 0, which known providers pass (reference 3.7). */
  readonly catalogEntryId: number;
  /** The last handle made; the switch looks after `WSPSocket` and `WSPAccept` whether there is a new one. */
  createdHandle: SOCKET;
}

interface Entry {
  readonly owner: HandleOwner;
  readonly context: unknown;
}

export class HandleTable {
  readonly #entries = new Map<SOCKET, Entry>();
  #next = 1;

  get size(): number {
    return this.#entries.size;
  }

  /** Makes a handle for a socket of `owner`. `context` is the provider's own. */
  create(owner: HandleOwner, context: unknown): SOCKET {
    const handle = this.#next++;
    this.#entries.set(handle, { owner, context });
    owner.createdHandle = handle;
    return handle;
  }

  /** The entry, if the handle is open and belongs to this owner; a provider cannot reach another's sockets. */
  get(owner: HandleOwner, handle: SOCKET): Entry | null {
    const entry = this.#entries.get(handle);
    return entry?.owner === owner ? entry : null;
  }

  /** False: not open, or another owner's (CLOSE-11). */
  close(owner: HandleOwner, handle: SOCKET): boolean {
    return this.get(owner, handle) !== null && this.#entries.delete(handle);
  }

  /** Forgets all handles of an owner that is gone. */
  closeAll(owner: HandleOwner): void {
    for (const [handle, entry] of this.#entries) if (entry.owner === owner) this.#entries.delete(handle);
  }
}
