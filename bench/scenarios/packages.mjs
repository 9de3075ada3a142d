/** The packages of test/packages, unmodified: `npm run bench:protocols` installs them, and nothing else of the bench needs them. */
import { subscribe } from 'node:diagnostics_channel';
import { createRequire } from 'node:module';

export const fromPackages = createRequire(new URL('../../test/packages/package.json', import.meta.url));

/** The sockets that `net.connect` makes from now on, for whose route is to be proved: clients of packages keep theirs to themselves. */
export function socketsToCome() {
  /** @type {import('node:net').Socket[]} */
  const sockets = [];
  subscribe('net.client.socket', (/** @type {any} */ { socket }) => sockets.push(socket));
  return sockets;
}
