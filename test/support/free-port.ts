import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './program.js';

/** A port that stays free, as the programs choose it: the kernel gives it to nobody by itself. */
export const freePort = createRequire(join(root, 'package.json'))('./test/programs/lib/free-port.cjs') as (
  host?: string,
) => Promise<number>;
