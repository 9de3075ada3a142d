/**
 * The systems under test. An adapter is no more than how a child process is started and what its server listens on:
 * the program that runs is the same file for all of them.
 *
 * @typedef {object} Adapter
 * @property {'tcp'|'unix'|'san'} name
 * @property {string} title
 * @property {readonly string[]} execArgv what node gets before the program's name
 * @property {boolean} unix listen on a Unix socket path instead of 127.0.0.1
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const REGISTER = file('../register.cjs');
const ROUTE_CHECK = file('./route-check.cjs');

/** @type {Readonly<Record<string, Adapter>>} */
export const ADAPTERS = {
  tcp: { name: 'tcp', title: 'TCP', execArgv: [], unix: false },
  unix: { name: 'unix', title: 'Unix socket', execArgv: [], unix: true },
  san: { name: 'san', title: 'sockets-direct', execArgv: ['-r', REGISTER, '-r', ROUTE_CHECK], unix: false },
};

/** Why the adapter cannot run here, or null. */
export function unavailable(name) {
  if (name === 'san' && !existsSync(REGISTER)) return `${REGISTER} is missing`;
  if (name === 'san' && !existsSync(file('../dist'))) return 'dist/ is missing: run `npm run build` first';
  return null;
}
