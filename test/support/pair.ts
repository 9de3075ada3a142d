// A server program and a client program that talk to each other: the unit of most integration tests.
import { setTimeout as delay } from 'node:timers/promises';
import type { PairLogs } from './log.js';
import { type Finished, Program, type Switching } from './program.js';

export interface Pair {
  readonly server: string;
  readonly client: string;
  /** Given to both programs. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly serverParameters?: Readonly<Record<string, unknown>>;
  readonly clientParameters?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly serverEnv?: Readonly<Record<string, string>>;
  readonly clientEnv?: Readonly<Record<string, string>>;
}

export interface PairResult {
  readonly server: Finished;
  readonly client: Finished;
  /** Both records: what must be the same on every route. */
  readonly logs: PairLogs;
}

/** Runs the client to its end against the server, then stops the server. Both must end well by themselves. */
export const runPair = async (
  pair: Pair,
  serverSwitching: Switching,
  clientSwitching: Switching = serverSwitching,
): Promise<PairResult> => {
  const server = new Program(pair.server, {
    switching: serverSwitching,
    parameters: { ...pair.parameters, ...pair.serverParameters },
    env: { ...pair.env, ...pair.serverEnv },
  });
  try {
    const client = new Program(pair.client, {
      switching: clientSwitching,
      parameters: { ...pair.parameters, ...(await server.ready()), ...pair.clientParameters },
      env: { ...pair.env, ...pair.clientEnv },
    });
    const clientResult = await client.succeeded();
    // The ends of its connections reach the server by themselves: it is not to be stopped in the middle of them.
    await delay(60);
    const serverResult = await server.stopped();
    return {
      server: serverResult,
      client: clientResult,
      logs: { server: serverResult.log, client: clientResult.log },
    };
  } finally {
    server.kill();
  }
};
