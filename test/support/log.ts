// The record a test program prints (test/programs/lib/record.cjs), and how two of them are compared.
import assert from 'node:assert/strict';

export interface SocketLog {
  readonly events: readonly string[];
  readonly [name: string]: unknown;
}

export interface ProgramLog {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly sockets: Readonly<Record<string, SocketLog>>;
}

export interface PairLogs {
  readonly server: ProgramLog;
  readonly client: ProgramLog;
}

/** The same without port numbers, which no two runs share: only that there is one. */
export const withoutPorts = (value: unknown, key = ''): unknown => {
  if (typeof value === 'number' && value > 0 && /port$/i.test(key)) {
    return 'a port';
  }
  if (Array.isArray(value)) {
    return value.map((element) => withoutPorts(element));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, element]) => [name, withoutPorts(element, name)]));
  }
  return value;
};

const name = (address: unknown, port: unknown): string => `${String(address)} ${String(port)}`;

/** How many of the server's sockets have exactly the names, the other way round, that a client's socket has. */
export const mirrored = ({ server, client }: PairLogs): number => {
  const ends = new Set(
    Object.values(client.sockets).map(
      (socket) =>
        `${name(socket['localAddress'], socket['localPort'])} ${name(socket['remoteAddress'], socket['remotePort'])}`,
    ),
  );
  return Object.values(server.sockets).filter((socket) =>
    ends.has(
      `${name(socket['remoteAddress'], socket['remotePort'])} ${name(socket['localAddress'], socket['localPort'])}`,
    ),
  ).length;
};

/** Fails with the difference if two runs were not the same for the programs. */
export const assertSameRun = (actual: PairLogs, baseline: PairLogs): void => {
  assert.deepEqual(withoutPorts(actual), withoutPorts(baseline), 'the programs must not see a difference');
  assert.equal(mirrored(actual), mirrored(baseline), 'both ends must know each other by the same names');
};
