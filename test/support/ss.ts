// `sockets-direct ss --json` as the tests use it: from outside, as an operator would.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cliFile, nodeBinary } from './program.js';

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface ShownConnection {
  readonly side: 'connect' | 'accept';
  readonly carrier: 'san' | 'tcp';
  readonly provider: string | null;
  readonly reason: string | null;
  readonly state: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly peerPid: number | null;
  readonly bytesRead: number | null;
  readonly bytesWritten: number | null;
}

export interface ShownProcess {
  readonly pid: number;
  readonly thread: number;
  readonly status: 'ok' | 'off' | 'no-answer';
  readonly reason: string | null;
  readonly program: string;
  readonly providers: readonly {
    readonly id: string | null;
    readonly name: string;
    readonly started: boolean;
    readonly reason: string | null;
    readonly detail: string | null;
  }[];
  readonly listeners: readonly {
    readonly carrier: 'san' | 'tcp';
    readonly reason: string | null;
    readonly local: Endpoint;
  }[];
  readonly connections: readonly ShownConnection[];
}

/** It shows whatever runs on the host, of which some program may have any number of connections. */
const limits = { timeout: 60_000, maxBuffer: Infinity };

/** All isolates of these processes. */
export const ss = async (...pids: readonly number[]): Promise<readonly ShownProcess[]> => {
  const { stdout } = await promisify(execFile)(nodeBinary, [cliFile, 'ss', '--json'], limits);
  const { processes } = JSON.parse(stdout) as { processes: readonly ShownProcess[] };
  return processes.filter(({ pid }) => pids.includes(pid));
};

/** The text form, for people. */
export const ssText = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(nodeBinary, [cliFile, 'ss', ...args], limits)).stdout;
