// Runs a program of cases (test/programs/ways-in) plain and switched, and compares it case by case: what both ends have
// noted, the events of their sockets, and the route of each connection.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ProgramLog, withoutPorts } from './log.js';
import { type Finished, plainOnly, Program, type StartOptions, type Switching } from './program.js';
import { assertSan, assertTcp, type Route } from './routes.js';

/**
 * How the connections of a case go: on the SAN, or on TCP for a reason, or each of them either way, where that is for load
 * to decide; 'unseen': the switch has nothing to do with them.
 */
export type Carrier = 'san' | 'unseen' | { readonly tcp: string } | { readonly sanOr: string };

/** Of both ends, or of each. */
export type Expected = Carrier | { readonly client: Carrier; readonly server: Carrier };

export interface WaysIn {
  /** Below test/programs/ways-in. */
  readonly file: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Both ends in one process. */
  readonly alone?: boolean;
  readonly options?: StartOptions;
  /** How the switch gets in, 'require' if not said; 'off': by what is given to the program in addition. */
  readonly switching?: Switching;
  readonly switchedParameters?: Readonly<Record<string, unknown>>;
  readonly cases: Readonly<Record<string, Expected>>;
}

interface Run {
  readonly logs: readonly ProgramLog[];
  readonly routes: readonly Route[];
  readonly ports: Readonly<Record<string, number>>;
}

/** Milliseconds; a machine may be busy. */
const WITHIN = 100_000;

const runOnce = async (way: WaysIn, switched: boolean): Promise<Run> => {
  const switching = switched ? (way.switching ?? 'require') : 'off';
  const start = (role: string, more: object): Program =>
    new Program(`ways-in/${way.file}`, {
      ...way.options,
      // As program.ts gives it to what is switched from outside.
      env: { SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000', ...way.options?.env },
      switching,
      parameters: { ...way.parameters, ...(switched ? way.switchedParameters : {}), role, ...more },
    });
  const first = start(way.alone === true ? 'both' : 'server', {});
  try {
    const { ports } = (await first.ready()) as { ports: Record<string, number> };
    const results: Finished[] = [];
    if (way.alone === true) results.push(await first.succeeded(WITHIN));
    else {
      results.push(await start('client', { ports }).succeeded(WITHIN));
      // The ends of its connections reach the server by themselves: it is not to be stopped in the middle of them.
      await delay(60);
      results.push(await first.stopped());
    }
    return { logs: results.map(({ log }) => log), routes: results.flatMap(({ routes }) => routes), ports };
  } finally {
    first.kill();
  }
};

/** What a case has left in the records of a run. */
const recordOf = ({ logs }: Run, name: string): unknown => {
  const own = ([label]: [string, unknown]): boolean => label.startsWith(`${name} (`);
  const entries = logs.flatMap(({ facts, sockets }) => [...Object.entries(facts), ...Object.entries(sockets)]);
  return withoutPorts(Object.fromEntries(entries.filter(own)));
};

const assertCarrier = (routes: readonly Route[], carrier: Carrier, who: string): void => {
  if (carrier === 'san') assertSan(routes, who);
  else if (carrier === 'unseen') assert.deepEqual(routes, [], `${who}: no route is announced`);
  else if ('tcp' in carrier) assertTcp(routes, carrier.tcp, who);
  else {
    assertSan(
      routes.filter((route) => route.carrier === 'san'),
      who,
    );
    const onTcp = routes.filter((route) => route.carrier === 'tcp');
    if (onTcp.length > 0) assertTcp(onTcp, carrier.sanOr, who);
  }
};

const assertRoutes = ({ routes, ports }: Run, name: string, expected: Expected): void => {
  const port = ports[name];
  const ends = typeof expected === 'object' && 'client' in expected ? expected : { client: expected, server: expected };
  const connected = routes.filter(({ side, remote }) => side === 'connect' && remote.port === port);
  const accepted = routes.filter(({ side, local }) => side === 'accept' && local?.port === port);
  assertCarrier(connected, ends.client, `client of ${name}`);
  assertCarrier(accepted, ends.server, `server of ${name}`);
};

/** Declares a test for each case. The program runs twice in all. */
export const waysIn = (title: string, way: WaysIn): void => {
  describe(title, () => {
    let plain: Run;
    let switched: Run | null = null;
    before(async () => {
      [plain, switched] = await Promise.all([runOnce(way, false), plainOnly ? null : runOnce(way, true)]);
    });
    test(`${way.file} has these cases and no others`, () => {
      assert.deepEqual(Object.keys(plain.ports).sort(), Object.keys(way.cases).sort());
    });
    for (const [name, expected] of Object.entries(way.cases)) {
      test(name, () => {
        const baseline = recordOf(plain, name);
        assert.notDeepEqual(baseline, {}, 'it has left a record');
        if (switched === null) return;
        assert.deepEqual(recordOf(switched, name), baseline, 'the program must not see a difference');
        assertRoutes(switched, name, expected);
      });
    }
  });
};
