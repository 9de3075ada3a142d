// Several isolates behind one listening socket (D4): whom a connector asks, and what it does when one of them goes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { after, beforeEach, describe, test } from 'node:test';
import { ANNOUNCEMENT_PREFIX, companionName } from '../../../src/proxy-driver/index.js';
import {
  AF_INET,
  CF_ACCEPT,
  CF_REJECT,
  makeSockaddr,
  SIO_SD_ASK_ANOTHER,
  SIO_SD_LISTENER_HINT,
  WSAEADDRNOTAVAIL,
  WSAEISCONN,
  WSAENOTSOCK,
  WSAEWOULDBLOCK,
} from '../../../src/spi/index.js';
import { until } from '../../support/until.js';
import { driver, MiniSwitch } from './support/mini-switch.js';

/** One that serves, or did. */
interface Worker {
  readonly sw: MiniSwitch;
  readonly listener: number;
  readonly accepted: number[];
}

let tcp: Server;
let port = 0;
const servers: Server[] = [];
const all: MiniSwitch[] = [];

function isolate(): MiniSwitch {
  const sw = new MiniSwitch();
  all.push(sw);
  return sw;
}

function worker(condition = () => CF_ACCEPT): Worker {
  const sw = isolate();
  const accepted: number[] = [];
  return { sw, accepted, listener: sw.serve(tcp, (s) => accepted.push(s), condition) };
}

/** Listens and never takes what comes, as one whose event loop is busy. */
function deaf(): Worker {
  const sw = isolate();
  return { sw, accepted: [], listener: sw.serve(tcp, null) };
}

/** Stops, listener and links. */
function leave({ sw }: Worker): void {
  while (sw.proc.lpWSPCleanup(sw.errno) === 0);
}

/** Its control connections end without a word, as with the process. */
function die({ sw }: Worker): void {
  for (const { type, link } of sw.events) if (type === 'link-open') driver.addon.linkClose(link);
}

async function connect(client: MiniSwitch, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) {
    const { s, code, detail } = await client.connect(port);
    assert.equal(code, 0, `connect ${i}: ${detail}`);
    assert.equal(client.proc.lpWSPCloseSocket(s, client.errno), 0);
  }
}

/** A connect that nobody waits for. */
function begin(client: MiniSwitch): number {
  const fd = driver.reservePort({ address: '127.0.0.1', port: 0, family: 4 });
  const local = driver.getEndpoint(fd);
  assert.ok(typeof local === 'object');
  driver.addon.close(fd);
  const s = client.socket(makeSockaddr(AF_INET, '127.0.0.1', local.port));
  const name = makeSockaddr(AF_INET, '127.0.0.1', port);
  assert.notEqual(client.proc.lpWSPConnect(s, name, 16, null, null, null, null, client.errno), 0);
  assert.equal(client.errno.value, WSAEWOULDBLOCK);
  return s;
}

const counts = (...workers: readonly Worker[]): number[] => workers.map(({ accepted }) => accepted.length);

beforeEach(async () => {
  tcp = createServer().listen(0, '127.0.0.1');
  servers.push(tcp);
  await once(tcp, 'listening');
  ({ port } = tcp.address() as { port: number });
});

after(() => {
  for (const sw of all) while (sw.proc.lpWSPCleanup(sw.errno) === 0);
  for (const server of servers) server.close();
  driver.unload();
});

describe('several companions of one listener (D4)', () => {
  test('get the connections in turn', async () => {
    const workers = [worker(), worker(), worker()];
    await connect(isolate(), 30);
    assert.deepEqual(counts(...workers), [10, 10, 10]);
  });

  test('a connector that connects once does not always ask the same one', async () => {
    const workers = [worker(), worker()];
    for (let i = 0; i < 64; i++) await connect(isolate());
    assert.ok(
      counts(...workers).every((count) => count > 0),
      String(counts(...workers)),
    );
  });

  test('a newcomer is found', async () => {
    const client = isolate();
    const old = worker();
    await connect(client, 3);
    const newcomer = worker();
    while (newcomer.accepted.length === 0) {
      await connect(client);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const before = counts(old, newcomer);
    await connect(client, 10);
    assert.deepEqual(counts(old, newcomer), [before[0] + 5, before[1] + 5]);
  });

  test('one that takes the place of another is found, and so are those behind a hole', async () => {
    const client = isolate();
    const workers = [worker(), worker(), worker(), worker()];
    await connect(client, 4);
    leave(workers[0]);
    leave(workers[1]);
    await connect(client, 8);
    const stranger = isolate();
    await connect(stranger, 8);
    // Each look begins a new round, and looks go by the clock: one more here may be one less there, for each client.
    const [more, less] = counts(...workers.slice(2)).sort((a, b) => b - a);
    assert.equal(more + less, 18);
    assert.ok(more - less <= 4, `${more} and ${less}`);
    const successor = worker();
    const cookie = driver.getNativeAddress((tcp as unknown as { _handle: { fd: number } })._handle.fd);
    const fd = driver.addon.connect(companionName(BigInt(cookie), 1));
    assert.equal(fd, -111, 'it has the lowest free number');
    while (successor.accepted.length === 0) {
      await connect(client);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  test('one that has closed its listener costs nobody an error, and is asked no more', async () => {
    const client = isolate();
    const [stays, goes] = [worker(), worker()];
    await connect(client, 4);
    assert.equal(goes.sw.proc.lpWSPCloseSocket(goes.listener, goes.sw.errno), 0);
    await connect(client, 10);
    assert.deepEqual(counts(stays, goes), [12, 2]);
    // Its link is there still, and it serves again: under another number, perhaps, over the same link.
    const again: number[] = [];
    goes.sw.serve(tcp, (s) => again.push(s));
    while (again.length === 0) {
      await connect(client);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const links = client.events.filter(({ type }) => type === 'link-failed');
    assert.deepEqual(links, []);
  });

  test('a connect under way with one that dies goes to another', async () => {
    const client = isolate();
    const [lives, dies] = [worker(), deaf()];
    const connects = [client.connect(port), client.connect(port)];
    await until(() => lives.accepted.length === 1 && dies.sw.events.length > 0, 'both to be asked');
    die(dies);
    const results = await Promise.all(connects);
    assert.deepEqual(
      results.map(({ code }) => code),
      [0, 0],
    );
    assert.equal(lives.accepted.length, 2);
  });

  test('a connect under way with the only one, who dies, fails as link-failed: TCP goes on', async () => {
    const client = isolate();
    const only = deaf();
    const connecting = client.connect(port);
    await until(() => client.events.some(({ type }) => type === 'link-open'), 'the link');
    die(only);
    assert.equal((await connecting).detail, 'link-failed');
  });

  test('what one refuses another may take; what all refuse is refused', async () => {
    const client = isolate();
    let willing = true;
    const first = worker(() => CF_REJECT);
    const second = worker(() => (willing ? CF_ACCEPT : CF_REJECT));
    await connect(client, 6);
    assert.deepEqual(counts(first, second), [0, 6]);
    willing = false;
    const { code, detail } = await client.connect(port);
    assert.deepEqual([code, detail], [WSAEADDRNOTAVAIL, 'listener-refused']);
    willing = true;
    await connect(client, 2);
  });

  test('where one does not answer, another is asked when the switch says so (SIO_SD_ASK_ANOTHER)', async () => {
    const client = isolate();
    const [awake, asleep] = [worker(), deaf()];
    const connects = [begin(client), begin(client)];
    await until(() => awake.accepted.length === 1 && asleep.sw.events.length > 0, 'both to be asked');
    const { proc, errno } = client;
    const another = (s: number) => {
      const result = proc.lpWSPIoctl(
        s,
        SIO_SD_ASK_ANOTHER,
        null,
        { value: null },
        { value: 0 },
        null,
        null,
        null,
        errno,
      );
      return result === 0 ? 0 : errno.value;
    };
    const answers = () => connects.map(another);
    await until(() => answers().includes(0), 'the one that waits'); // never for the one that is connected
    await until(() => awake.accepted.length === 2, 'the other one to take it');
    // One that is asked for while it still waits would be taken for another that does not answer.
    const isConnected = (s: number) => {
      const name = makeSockaddr(AF_INET, '127.0.0.1', port);
      return proc.lpWSPConnect(s, name, 16, null, null, null, null, errno) !== 0 && errno.value === WSAEISCONN;
    };
    await until(() => connects.every(isConnected), 'the client to hear of both');
    assert.deepEqual(answers(), [WSAEADDRNOTAVAIL, WSAEADDRNOTAVAIL], 'nobody is left to be asked');
    assert.equal(another(-1), WSAENOTSOCK);
    // The first question was taken back: the sleeper finds nothing to accept when it wakes up.
    const woken: number[] = [];
    assert.equal(asleep.sw.proc.lpWSPCloseSocket(asleep.listener, asleep.sw.errno), 0);
    asleep.sw.serve(tcp, (s) => woken.push(s));
    await connect(client, 1);
    assert.equal(client.events.filter(({ type }) => type === 'link-failed').length, 0);
  });

  test('a port on which one is known needs no announcement', async () => {
    const client = isolate();
    const hint = ({ proc, errno } = client) => {
      const name = makeSockaddr(AF_INET, '127.0.0.1', port);
      return proc.lpWSPIoctl(-1, SIO_SD_LISTENER_HINT, name, { value: null }, { value: 0 }, null, null, null, errno);
    };
    // Not by the client: who was told no looks once more, later, and believes what it finds then for a while.
    assert.notEqual(hint(isolate()), 0);
    const workers = [worker(), worker(), worker(), worker()];
    await connect(client, 4);
    for (const { sw, listener } of workers.slice(0, 3)) sw.proc.lpWSPCloseSocket(listener, sw.errno);
    // The last one's name is too far back for a stranger to look at.
    assert.equal(driver.addon.announced(ANNOUNCEMENT_PREFIX, port, 2), 0);
    await connect(client, 4);
    assert.equal(hint(), 0);
    const [last] = workers.slice(3);
    last.sw.proc.lpWSPCloseSocket(last.listener, last.sw.errno);
    assert.equal((await client.connect(port)).detail, 'no-companion');
    assert.notEqual(hint(), 0);
  });

  test('an announcement behind those that have gone is found by who keeps asking', async () => {
    const client = isolate();
    const hint = (): number => {
      const { proc, errno } = client;
      const name = makeSockaddr(AF_INET, '127.0.0.1', port);
      return proc.lpWSPIoctl(-1, SIO_SD_LISTENER_HINT, name, { value: null }, { value: 0 }, null, null, null, errno);
    };
    const workers = Array.from({ length: 12 }, () => worker());
    for (const { sw, listener } of workers.slice(0, 11)) sw.proc.lpWSPCloseSocket(listener, sw.errno);
    assert.notEqual(hint(), 0, 'not at once');
    await until(() => hint() === 0, 'the look at all names');
    await connect(client);
    assert.equal(workers[11]?.accepted.length, 1, 'and so is the companion, whatever its number');
  });

  test('a look that nobody waits for finds companions behind any hole', async () => {
    const client = isolate();
    const workers = Array.from({ length: 14 }, () => worker());
    for (const { sw, listener } of workers.slice(1, 13)) sw.proc.lpWSPCloseSocket(listener, sw.errno);
    await connect(client, 2);
    while (workers[13]?.accepted.length === 0) {
      await connect(client);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});
