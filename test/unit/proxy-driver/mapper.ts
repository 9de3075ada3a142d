// mapper.c, compiled when a test needs it: whoever built the addon has a compiler and Node's headers.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';

/** Memory at given addresses. Everything is in bytes; addresses are numbers. */
export interface Mapper {
  /** Maps fresh zeroed shared memory exactly there: 0, or -1 something is there already. */
  map(address: number, bytes: number): number;
  unmap(address: number, bytes: number): number;
  /** A buffer over an address. Touch it only while something is mapped there. */
  view(address: number, bytes: number): ArrayBuffer;
  /** Threads begin to map and unmap places, each `bytes` long and twice that apart. Returns how many places. */
  start(address: number, bytes: number): number;
  stop(): number;
  /** Every 32-bit word of what is mapped at a place holds its version; said when that is true. Only ever grows. */
  version(place: number): number;
}

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const source = join(root, 'test', 'unit', 'proxy-driver', 'mapper.c');

/** The mapper, or in words why there is none: no compiler, or no headers. */
export function loadMapper(): Mapper | string {
  const include = join(dirname(process.execPath), '..', 'include', 'node');
  if (!existsSync(join(include, 'node_api.h'))) return `no headers of Node in ${include}`;
  const scratch = mkdtempSync(join(tmpdir(), 'sockets-direct-mapper-'));
  try {
    const output = join(scratch, 'mapper.node');
    const flags = ['-std=c11', '-D_GNU_SOURCE', '-O1', '-fPIC', '-shared', '-pthread', '-I', include];
    const { status, stderr, error } = spawnSync('cc', [...flags, source, '-o', output], { encoding: 'utf8' });
    if (error !== undefined) return `no C compiler: ${error.message}`;
    if (status !== 0) throw new Error(stderr);
    return createRequire(import.meta.url)(output) as Mapper;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Where the kernel puts nothing by itself: above what is loaded and its heap, below all mappings. */
export const HOME = 0x10_0000_0000;
