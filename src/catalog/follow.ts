/**
 * Keeps a catalog as the catalog file is, while other programs change that (SW-19…21): what is installed there is installed
 * here, and `WSAProviderConfigChange` tells of it. The watch comes first and the file is read then, whole and each time,
 * so that no change falls between (SW-22) and none is lost with a notice that the kernel dropped.
 *
 * Without a catalog there is nothing to watch and nothing is held: users have few inotify instances (128 by default), and
 * programs want them themselves. Whoever installs a first provider asks the running programs to look (`refresh`).
 */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type GuidText, out, WSANO_RECOVERY, wsaName } from '../spi/index.js';
import type { Catalog, ProviderLoader } from './catalog.js';
import type { CatalogDocument, InstalledProvider } from './document.js';
import { readCatalogFile } from './file.js';

/** As it is at load: a program’s fake timers, put in place later, must not stop this. */
const { setImmediate } = globalThis;

export interface FollowInput {
  readonly catalog: Catalog;
  /** The file; nothing has to be there. */
  readonly path: string;
  /** Makes what loads a provider's module. */
  readonly loader: (provider: InstalledProvider) => ProviderLoader;
  /** The whole list `TCP on SAN`, of what this file contributes to it. */
  readonly arrange: (ids: readonly GuidText[]) => readonly GuidText[];
  /** The file, or something in it, cannot be used: in words. Told once as long as it stays the same. */
  readonly onProblem: (problem: string) => void;
}

const errno = out(0);

export class CatalogFollower {
  readonly #input: FollowInput;
  /** What this follower has installed, with the text it was made of. */
  readonly #installed = new Map<GuidText, string>();
  #watcher: FSWatcher | null = null;
  #scheduled = false;
  #problem: string | null = null;
  #stopped = false;

  constructor(input: FollowInput) {
    this.#input = input;
  }

  /** What is wrong with the file, in words; null: nothing. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Watches, then reads. */
  start(): void {
    this.refresh();
  }

  /** Reads the file and makes the catalog as it is. Cheap when there is no file; never throws. */
  refresh(): void {
    if (this.#stopped) return;
    if (this.#watcher === null) this.#watch();
    const { path, onProblem } = this.#input;
    const read = readCatalogFile(path);
    let problem = read.problem === null ? null : `${path} ${read.problem}`;
    // What is there goes on while the file is bad: a slip of its editor must not take providers from running programs.
    if (read.document !== null) problem = this.#apply(read.document);
    const before = this.#problem;
    this.#problem = problem;
    if (problem !== null && problem !== before) onProblem(problem);
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch();
  }

  /** Returns what could not be installed, in words, or null. */
  #apply({ providers, sanList }: CatalogDocument): string | null {
    const { catalog, loader, arrange } = this.#input;
    const wanted = new Map(providers.map((provider) => [provider.id, provider]));
    let problem: string | null = null;
    catalog.batch(() => {
      for (const [id, text] of [...this.#installed]) {
        const provider = wanted.get(id);
        if (provider !== undefined && fingerprint(provider) === text) continue;
        catalog.WSCDeinstallProvider(id, errno);
        this.#installed.delete(id);
      }
      for (const provider of wanted.values()) {
        const { id, path, protocols } = provider;
        if (this.#installed.has(id)) continue;
        const result = catalog.WSCInstallProvider(id, path, loader(provider), protocols, errno);
        if (result === 0) this.#installed.set(id, fingerprint(provider));
        else {
          const why =
            errno.value === WSANO_RECOVERY
              ? 'its id is in use by a provider of the configuration'
              : wsaName(errno.value);
          problem ??= `${path} cannot be installed: ${why}`;
        }
      }
      const ids = sanList.map((value) => value.id).filter((id) => this.#installed.has(id));
      catalog.setSanList(arrange(ids));
    });
    return problem;
  }

  #watch(): void {
    const { path } = this.#input;
    const directory = dirname(path);
    if (!existsSync(directory)) return;
    try {
      this.#watcher = watch(directory, { persistent: false }, (_event, name) => {
        // The directory itself is gone or elsewhere: it tells nothing any more, not even when it comes back.
        if (name === basename(directory)) this.#unwatch();
        else if (name !== null && name !== basename(path)) return;
        this.#schedule();
      });
      // The directory was removed, or the kernel has no more to tell: the next look watches anew.
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      // No inotify instance is left, or it is not permitted: changes are seen when somebody asks (refresh).
      this.#watcher = null;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  /** One change of the file comes as several notices. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(lookAgain, this).unref();
  }

  lookAgain(): void {
    this.#scheduled = false;
    this.refresh();
  }
}

function lookAgain(follower: CatalogFollower): void {
  follower.lookAgain();
}

function fingerprint(provider: InstalledProvider): string {
  return JSON.stringify(provider);
}
