/** Connections by the thousand: the descriptors that they need, and opening them. */
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import process from 'node:process';
import { ignoreReset } from './common.mjs';

/** Connections that are being made at once. */
const CONCURRENCY = 64;
const RETRY_MS = 5;
/** Descriptors that a process needs beside its connections. */
const SPARE_DESCRIPTORS = 500;

export const descriptorsFor = (connections) => connections + SPARE_DESCRIPTORS;

/** As many of these connections as the limit of open files allows. */
export function affordable(connections) {
  const limit = descriptorLimit(descriptorsFor(connections));
  if (limit >= descriptorsFor(connections)) return connections;
  process.stderr.write(`(limit of open files ${limit}: only ${limit - SPARE_DESCRIPTORS} connections) `);
  return limit - SPARE_DESCRIPTORS;
}

/** How many descriptors a child may have, having asked for `wanted`. Node itself raises the soft limit to the hard one. */
function descriptorLimit(wanted) {
  const script = 'ulimit -n "$0" 2>/dev/null; ulimit -Hn';
  const answer = execFileSync('/bin/sh', ['-c', script, String(wanted)], { encoding: 'utf8' }).trim();
  return answer === 'unlimited' ? wanted : Number(answer);
}

/** Resolves with all of them once all are established. @returns {Promise<net.Socket[]>} */
export function openMany(context, connections) {
  /** @type {net.Socket[]} */
  const sockets = [];
  return new Promise((resolve) => {
    let started = 0;
    let established = 0;
    const next = () => {
      if (started === connections) return;
      started++;
      open();
    };
    const open = () => {
      const socket = net.connect(context.target);
      socket.on('connect', () => {
        sockets.push(socket);
        if (++established === connections) resolve(sockets);
        else next();
      });
      socket.resume();
      socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
        // Where TCP would have us wait, a Unix socket whose queue is full refuses.
        if (error.code === 'EAGAIN' && error.syscall === 'connect') setTimeout(open, RETRY_MS);
        else ignoreReset(error);
      });
    };
    for (let n = 0; n < CONCURRENCY; n++) next();
  });
}
