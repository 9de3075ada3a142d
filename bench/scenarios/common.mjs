/** What the roles of several scenarios share. */
import { PLAIN } from './layers.mjs';

/**
 * Listen where the adapter listens, and tell the rig.
 * @param {any} context
 * @param {import('node:net').Server} server
 * @param {{ cert?: string }} [identity] by which the client is to know it
 */
export function listen(context, server, identity) {
  const { path } = context.params;
  const options = path === null ? { host: '127.0.0.1', port: 0, backlog: 1024 } : { path, backlog: 1024 };
  server.listen(options, () => {
    const address = server.address();
    const target = typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address?.port };
    context.ready(identity?.cert === undefined ? target : { ...target, ca: identity.cert });
  });
}

/** An echo server; what a ping-pong and a wake-up need. */
export async function echoServer(context, layer = PLAIN) {
  const identity = await layer.identity();
  const server = layer.createServer(identity, (socket) => {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('error', ignoreReset);
  });
  listen(context, server, identity);
}

/** The end of a run takes connections down in any order; that is no failure of the run, which is over. */
export function ignoreReset(error) {
  if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error;
}

/** Where connections are what is measured: ask for the route of one in so many; the question costs something too. */
export const PROVE_EVERY = 16;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The latency block of a run's record. */
export function latency(context, histogram) {
  const summary = histogram.summary();
  return context.params.histograms === true ? { ...summary, buckets: histogram.buckets() } : summary;
}
