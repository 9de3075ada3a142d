/**
 * Installing and removing in a catalog file: the counterparts of `WSCInstallProvider`, `WSCDeinstallProvider` and of what an
 * installer writes under `TCP on SAN` (SP-16…18). The file is replaced whole: whoever reads sees the old or the new one.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { guidText, type GuidText, type WSAPROTOCOL_INFOW } from '../spi/index.js';
import { type CatalogDocument, encodeDocument, type InstalledProvider, protocolProblem } from './document.js';
import { readCatalogFile } from './file.js';
import { withLock } from './lock.js';

export interface Installation {
  /** Absolute path of the module. */
  readonly path: string;
  readonly id: GuidText;
  /** The name of its value in `TCP on SAN`. */
  readonly name: string;
  readonly protocols: readonly WSAPROTOCOL_INFOW[];
  /** To the head of the list: preferred to all others in it. */
  readonly first: boolean;
}

/** Installs a provider; a string tells why not. Throws where the file system refuses. */
export async function installProvider(file: string, installation: Installation): Promise<string | null> {
  for (const info of installation.protocols) {
    const problem = protocolProblem(info);
    if (problem !== null) return problem;
  }
  return await change(file, (document) => {
    const { path, id, name, protocols, first } = installation;
    // As WSCInstallProvider answers WSANO_RECOVERY (OBS-5).
    if (document.providers.some((installed) => installed.id === id)) return `${id} is installed already`;
    if (document.sanList.some((value) => value.name.toLowerCase() === name.toLowerCase())) {
      return `the name ${JSON.stringify(name)} is taken`;
    }
    const provider: InstalledProvider = { path, id, protocols };
    const value = { name, id };
    return {
      providers: [...document.providers, provider],
      sanList: first ? [value, ...document.sanList] : [...document.sanList, value],
    };
  });
}

/** Removes the provider of this id or name, its value in the list first (OBS-5); a string tells why not. */
export async function removeProvider(file: string, idOrName: string): Promise<string | null> {
  return await change(file, (document) => {
    const id = guidText(idOrName) ?? document.sanList.find(({ name }) => name === idOrName)?.id;
    const sanList = document.sanList.filter((value) => value.id !== id);
    const providers = document.providers.filter((provider) => provider.id !== id);
    if (
      id === undefined ||
      (providers.length === document.providers.length && sanList.length === document.sanList.length)
    ) {
      return `${JSON.stringify(idOrName)} is not installed`;
    }
    return { providers, sanList };
  });
}

/** Reads, changes and replaces the file under the installers' lock. `act` gives the new document, or says why not. */
async function change(
  file: string,
  act: (document: CatalogDocument) => CatalogDocument | string,
): Promise<string | null> {
  // Nobody else may put anything there: see file.ts.
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  return await withLock(file, () => {
    const { document, problem } = readCatalogFile(file);
    if (problem !== null) return `${file} ${problem}`;
    const changed = act(document);
    if (typeof changed === 'string') return changed;
    replace(file, encodeDocument(changed));
    return null;
  });
}

function replace(file: string, text: string): void {
  const temporary = `${file}.tmp`;
  // Left by an installer that was killed: nobody else can be writing it, for we hold the lock.
  rmSync(temporary, { force: true });
  try {
    const fd = openSync(temporary, 'wx', 0o644);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(file));
}

/** So that the new name is there after a power cut as well. */
function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
