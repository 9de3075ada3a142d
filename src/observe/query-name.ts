/**
 * Names of query sockets in the abstract Unix namespace:
 * `\0sockets-direct/query/<uid>/<pid>/<thread>/<random>`, filled up with random digits to the full 108 bytes of sun_path.
 *
 * Full length, because libuv before 1.49 (Node 20) pads a shorter abstract name with zero bytes and later versions do not:
 * a shorter name bound by one could not be reached from the other. The random part keeps names apart where processes of
 * several PID namespaces share a network namespace. It proves nothing, so it need not be of `node:crypto`, whose every call
 * is an async resource that a program's async hooks see.
 */

const NAME_BYTES = 108;
const FOLDER = 'sockets-direct/query/';

export interface QueryName {
  readonly uid: number;
  readonly pid: number;
  readonly thread: number;
  /** The name as node:net takes it, with its leading zero byte. */
  readonly path: string;
}

export function makeQueryName(uid: number, pid: number, thread: number): QueryName {
  const head = `\0${FOLDER}${uid}/${pid}/${thread}/`;
  return {
    uid,
    pid,
    thread,
    path: head + randomDigits(NAME_BYTES - head.length),
  };
}

function randomDigits(count: number): string {
  return Array.from({ length: count }, () => Math.floor(Math.random() * 16).toString(16)).join('');
}

/** The query sockets in the text of /proc/net/unix, with their inodes. Anyone may bind any name: nothing here is proven. */
export function findQueryNames(procNetUnix: string): readonly (QueryName & { readonly inode: string })[] {
  const found: (QueryName & { readonly inode: string })[] = [];
  // Num RefCount Protocol Flags Type St Inode Path; flags 0x10000 = listening (accepted sockets carry the same path).
  const line =
    /^\S+ \S+ \S+ ([0-9A-F]{8}) 0001 \S+ +(\d+) @sockets-direct\/query\/(\d{1,10})\/(\d{1,10})\/(\d{1,10})\/([0-9a-f]+)$/gm;
  for (const [, flags, inode, uid, pid, thread, random] of procNetUnix.matchAll(line)) {
    if ((Number.parseInt(flags, 16) & 0x10000) === 0) continue;
    const path = `\0${FOLDER}${uid}/${pid}/${thread}/${random}`;
    if (path.length === NAME_BYTES)
      found.push({ uid: Number(uid), pid: Number(pid), thread: Number(thread), path, inode });
  }
  return found;
}
