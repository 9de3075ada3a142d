/**
 * Reading a catalog file. Programs load the modules that it names, so only what nobody else can have written is believed:
 * the file, the directory that it is in, and each module belong to this user or to root.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync, type Stats } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { type CatalogDocument, decodeDocument, EMPTY_DOCUMENT } from './document.js';

/** A wrong path must not make a program that is being started read a gigabyte. */
const FILE_BYTES_MAX = 1024 * 1024;

const GROUP_OR_OTHERS_WRITE = 0o022;
const OTHERS_WRITE = 0o002;

/** What a catalog file holds; `problem`: in words, why it is not believed. */
export type CatalogRead =
  | { readonly document: CatalogDocument; readonly present: boolean; readonly problem: null }
  | { readonly document: null; readonly present: true; readonly problem: string };

/**
 * Where the catalog is if no setting says it: `sockets-direct/providers.json` in the user's configuration directory.
 * Null: this user has none.
 */
export function defaultCatalogPath(environment: Readonly<Record<string, string | undefined>>): string | null {
  const configured = environment['XDG_CONFIG_HOME'] ?? '';
  // The specification: a relative one is to be ignored.
  const base = isAbsolute(configured) ? configured : homeConfig();
  return base === null ? null : join(base, 'sockets-direct', 'providers.json');
}

function homeConfig(): string | null {
  try {
    const home = homedir();
    return isAbsolute(home) ? join(home, '.config') : null;
  } catch {
    // A uid without an entry in the user database, as in some containers.
    return null;
  }
}

/** Reads the file. One that is not there is an empty catalog. Never throws. */
export function readCatalogFile(path: string): CatalogRead {
  let fd: number;
  try {
    // Not blocking: a FIFO in its place must not hold the program up.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { document: EMPTY_DOCUMENT, present: false, problem: null };
    return refused(`cannot be read: ${code ?? String(error)}`);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return refused('is not a regular file');
    const problem = ownerProblem(stats, GROUP_OR_OTHERS_WRITE) ?? directoryProblem(path);
    if (problem !== null) return refused(problem);
    if (stats.size > FILE_BYTES_MAX) return refused(`is larger than ${FILE_BYTES_MAX} bytes`);
    const document = decodeDocument(readFileSync(fd, 'utf8'));
    return typeof document === 'string' ? refused(document) : { document, present: true, problem: null };
  } catch (error) {
    return refused(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    closeSync(fd);
  }
}

/** Why a module is not to be loaded into programs of this user; null: it may. */
export function moduleProblem(path: string): string | null {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return 'is not a file';
    // Group write is how files come out of many an umask; what a module loads in turn is not looked at either.
    return ownerProblem(stats, OTHERS_WRITE);
  } catch (error) {
    return `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

/** Whoever can write the directory can put another file in this one's place. */
function directoryProblem(path: string): string | null {
  const problem = ownerProblem(statSync(dirname(path)), GROUP_OR_OTHERS_WRITE);
  return problem === null ? null : `is in a directory that ${problem}`;
}

function ownerProblem({ uid, mode }: Stats, writable: number): string | null {
  const self = process.geteuid?.() ?? -1;
  if (uid !== self && uid !== 0) return `belongs to user ${uid}, who is neither user ${self} nor root`;
  return (mode & writable) === 0 ? null : `others may write to (mode ${(mode & 0o7777).toString(8)})`;
}

function refused(problem: string): CatalogRead {
  return { document: null, present: true, problem };
}
