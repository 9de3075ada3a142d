// How tests prove which way a connection went: by what the switch tells observers, never by its own word to the program.
import assert from 'node:assert/strict';

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One notice of the channel 'sockets-direct:route', as route-probe.cjs wrote it. */
export interface Route {
  readonly pid: number;
  readonly threadId: number;
  readonly id: number;
  readonly side: 'connect' | 'accept';
  readonly carrier: 'san' | 'tcp';
  readonly provider: string | null;
  readonly reason: string | null;
  readonly local: Endpoint | null;
  readonly remote: Endpoint;
}

/** Without the rest of a line that is being written. */
export const parseRoutes = (text: string): Route[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Route);

const show = (routes: readonly Route[]): string =>
  [
    ...new Set(
      routes.map(({ side, carrier, reason, provider }) => `${side} ${carrier} ${provider ?? ''} ${reason ?? ''}`),
    ),
  ].join('; ');

/** Attempts at addresses where nobody listens are announced as well, but there is no connection to judge. */
const established = (routes: readonly Route[]): readonly Route[] =>
  routes.filter(({ reason }) => reason !== 'no-listener');

/** Every connection this program had went through the SAN, and there was at least one. */
export const assertSan = (routes: readonly Route[], who: string): void => {
  assert.ok(established(routes).length > 0, `${who}: no connection was announced`);
  assert.ok(
    established(routes).every(
      ({ carrier, provider, reason }) => carrier === 'san' && provider === 'shm' && reason === null,
    ),
    `${who}: not all on the SAN: ${show(routes)}`,
  );
};

/** Every connection this program had stayed on TCP for exactly this reason, and there was at least one. */
export const assertTcp = (routes: readonly Route[], reason: string, who: string): void => {
  assert.ok(established(routes).length > 0, `${who}: no connection was announced`);
  assert.ok(
    established(routes).every((notice) => notice.carrier === 'tcp' && notice.reason === reason),
    `${who}: not all on TCP because of ${reason}: ${show(routes)}`,
  );
};
