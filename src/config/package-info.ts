/** Where this package lives and which version it is. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PackageInfo {
  /** Absolute folder that holds package.json and register.cjs. */
  readonly root: string;
  readonly version: string;
}

let known: PackageInfo | null = null;

/** Found by walking up from this file, so that it is right whatever the build's layout and however it was installed. */
export function packageInfo(): PackageInfo {
  if (known !== null) return known;
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const info = readPackage(folder);
    if (info !== null) return (known = info);
    // Without our package.json (a bundle) there is no version to tell; the rest still works.
    if (folder === dirname(folder)) return (known = { root: start, version: 'unknown' });
  }
}

function readPackage(folder: string): PackageInfo | null {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { name, version } = parsed as { name?: unknown; version?: unknown };
    return name === 'sockets-direct' && typeof version === 'string' ? { root: folder, version } : null;
  } catch {
    // No package.json here: look one folder up.
    return null;
  }
}
