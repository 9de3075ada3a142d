/** The packages of test/packages: installed from its lock file into that folder, when that has not been done. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const PACKAGE_FOLDER = fileURLToPath(new URL('../test/packages/', import.meta.url));

/** @param {boolean} heavy also what only heavy tests need, the devDependencies */
export function installPackages(heavy) {
  const stamp = `${PACKAGE_FOLDER}node_modules/.installed`;
  const lock = createHash('sha256')
    .update(readFileSync(`${PACKAGE_FOLDER}package-lock.json`))
    .digest('hex');
  const present = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  if (present === `${lock} all` || (!heavy && present === `${lock} light`)) return;
  console.error(`== installing the packages${heavy ? '' : ' (without those of heavy tests)'}`);
  const command = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...(heavy ? [] : ['--omit=dev'])];
  const { status } = spawnSync('npm', command, { cwd: PACKAGE_FOLDER, stdio: 'inherit' });
  if (status !== 0) throw new Error('npm could not install test/packages');
  writeFileSync(stamp, `${lock} ${heavy ? 'all' : 'light'}`);
}
