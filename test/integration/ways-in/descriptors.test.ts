// net.Socket({ fd }) and listen({ fd }): what a program is started with (issue: every way in is covered; D4).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { withoutPorts } from '../../support/log.js';
import { type Finished, plainOnly, Program, type Switching } from '../../support/program.js';
import { assertSan, type Route } from '../../support/routes.js';

const isRoute = (route: Route | undefined): route is Route => route !== undefined;

interface Handle {
  readonly fd: number;
}

/** The descriptor of a socket or a server. */
const descriptorOf = (socket: object): number => (socket as { _handle: Handle })._handle.fd;

/** A TCP handle that is bound to a free port. */
const boundHandle = (): Handle & { close(): void } => {
  const { binding } = process as unknown as { binding(name: string): Record<string, unknown> };
  const { TCP, constants } = binding.call(process, 'tcp_wrap') as {
    TCP: new (type: number) => Handle & { bind(address: string, port: number): number; close(): void };
    constants: { SOCKET: number };
  };
  const handle = new TCP(constants.SOCKET);
  assert.equal(handle.bind('127.0.0.1', 0), 0);
  return handle;
};

const run = async (t: TestContext, switching: Switching): Promise<Finished> => {
  const first = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(first, 'listening');
  const peer = connect((first.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => peer.destroy());
  const [accepted] = (await once(first, 'connection')) as [Socket];
  first.close();
  const second = createServer().listen(0, '127.0.0.1');
  await once(second, 'listening');
  const bound = boundHandle();
  const program = new Program('ways-in/descriptors.mjs', {
    switching,
    descriptors: [descriptorOf(accepted), descriptorOf(second), 'pipe', bound.fd],
  });
  t.after(() => program.kill());
  // They are the program's alone from now on.
  accepted.destroy();
  second.close();
  bound.close();
  const pipe = program.descriptor(5);
  pipe.pipe(pipe);
  peer.pipe(peer);
  return program.succeeded();
};

test('net.Socket({ fd }) and listen({ fd })', async (t) => {
  const [plain, switched] = await Promise.all([run(t, 'off'), plainOnly ? null : run(t, 'require')]);
  assert.equal(plain.log.facts['pipe'], 'through a Unix socket');
  if (switched === null) return;
  assert.deepEqual(withoutPorts(switched.log), withoutPorts(plain.log));
  // The connection that it was started with is older than the switch. What it makes itself is not; but a socket that was there
  // is read before it is connected, and so belongs to TCP.
  const [connected, accepted, ...others] = switched.routes;
  assertSan([connected, accepted].filter(isRoute), 'both ends of the first');
  assert.deepEqual(others.map(({ side, reason }) => [side, reason]).sort(), [
    ['accept', 'peer-used-tcp'],
    ['connect', 'handle-unsupported'],
  ]);
});
