// Children and threads, and how the switch comes to them (issue: every way in is covered): as flags of the command line do, or,
// from `sockets-direct run`, as NODE_OPTIONS does.
import { type Expected, waysIn } from '../../support/ways-in.js';

/** The child has not got the switch. */
const PLAIN: Expected = { client: 'unseen', server: { tcp: 'peer-used-tcp' } };

const CASES: Readonly<Record<string, Expected>> = {
  fork: 'san',
  'fork, advanced serialization and silent': 'san',
  'fork without the flags': PLAIN,
  'spawn with the flags': 'san',
  'spawn with NODE_OPTIONS': 'san',
  'execFile without the flags': PLAIN,
  'exec of a command line': 'san',
  'spawnSync of a script in the command line': 'san',
  'a worker': 'san',
  'a worker from a string': 'san',
  'a worker without the flags': PLAIN,
  'a worker with an environment of its own': 'san',
  'a worker with limits and a shared environment': 'san',
  'a worker in a worker': 'san',
  'a listener in a fork': 'san',
  'a listener in a worker': 'san',
};

waysIn('children and threads, by flags', { file: 'processes.mjs', cases: CASES });

waysIn('children and threads, by NODE_OPTIONS', {
  file: 'processes.mjs',
  switching: 'run',
  cases: Object.fromEntries(Object.keys(CASES).map((name) => [name, 'san'])),
});
