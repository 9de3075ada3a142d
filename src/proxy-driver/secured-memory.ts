/**
 * Secured memory (PD-13 … PD-18, DESIGN D8): ranges whose mapping is watched, so that who keeps something about them learns
 * when it is no longer true. Opened when the first range is secured: a process that caches nothing has no helper thread.
 */
import type { SecureAddon } from './addon.js';
import { ENOSYS, ENOTSUP, EPERM } from './errno.js';

/** What {@link SecuredMemory.secure} gives: the handle of the range (PD-15). */
export interface SecuredRange {
  readonly slot: number;
  readonly generation: number;
}

/** What a cache needs of it; tests put others in its place. */
export interface Securer {
  secure(range: Uint8Array): SecuredRange | number;
  check(range: SecuredRange, settle: boolean): number;
  unsecure(range: SecuredRange): number;
}

/** Told that the mapping of a range of this process has changed, inside this range. */
export type MappingWatcher = (address: number, bytes: number) => void;

export class SecuredMemory implements Securer {
  readonly #addon: SecureAddon;
  readonly #generation = new Uint32Array(1);
  readonly #watchers = new Set<MappingWatcher>();
  /** Null: not tried yet. 0: it is. */
  #opened: number | null = null;

  constructor(addon: SecureAddon) {
    this.#addon = addon;
  }

  /** Why no range can be secured, in words; null: they can, or nobody has asked yet. */
  get reason(): string | null {
    return this.#opened === null || this.#opened === 0 ? null : describe(this.#opened);
  }

  /** `unused`: nobody has secured anything, so nobody has asked the kernel whether it allows it. */
  get state(): 'unused' | 'on' | 'refused' {
    return this.#opened === null ? 'unused' : this.#opened === 0 ? 'on' : 'refused';
  }

  /** Ranges of the process that are secured now. */
  get ranges(): number {
    return this.#opened === 0 ? this.#addon.securedCount() : 0;
  }

  /** Opens it now: 0 or -errno. A refusal is final, for the system's answer does not change. */
  open(): number {
    this.#opened ??= this.#addon.secureOpen((address, bytes) => {
      for (const watcher of [...this.#watchers]) watcher(address, bytes);
    });
    return this.#opened;
  }

  close(): void {
    if (this.#opened === 0) this.#addon.secureClose();
    this.#opened = null;
    this.#watchers.clear();
  }

  /** Secures a range (PD-13), or -errno as `SecureAddon.secure`, or as {@link open}. */
  secure(range: Uint8Array): SecuredRange | number {
    const error = this.open();
    if (error !== 0) return error;
    const slot = this.#addon.secure(range, this.#generation);
    return slot < 0 ? slot : { slot, generation: this.#generation[0] };
  }

  /** Whether its mapping is unchanged: 0 or -errno, see `SecureAddon.secureCheck`. */
  check({ slot, generation }: SecuredRange, settle: boolean): number {
    return this.#addon.secureCheck(slot, generation, settle);
  }

  /** Takes it back (PD-15). 0 or -errno. */
  unsecure({ slot }: SecuredRange): number {
    return this.#addon.unsecure(slot);
  }

  /** Calls back, later, for each change; what was secured there is revoked by then. Returns what ends it. */
  watch(watcher: MappingWatcher): () => void {
    const entry: MappingWatcher = (address, bytes) => watcher(address, bytes);
    this.#watchers.add(entry);
    return () => {
      this.#watchers.delete(entry);
    };
  }
}

function describe(error: number): string {
  if (error === EPERM || error === ENOSYS) return 'userfaultfd is not permitted here, or the kernel lacks it';
  if (error === ENOTSUP) return 'the kernel is older than Linux 5.7';
  return `userfaultfd cannot be used (error ${-error})`;
}
