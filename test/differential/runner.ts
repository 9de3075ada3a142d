/**
 * A process that runs one side of socket programs, or both, one program after the other. It is an ordinary program that
 * knows nothing of the switch; whether it is under it is a matter of how it was started.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Answer, Order, Sight, SideRecord } from './program.js';
import { ClientWorld, ServerWorld, type World } from './world.js';

/** Turns of the event loop between two looks at what has happened. */
const TURNS = 4;
/** At most this many more until what a finished program has left is closed. */
const TURNS_MAX = 20_000;

/** The worlds of the program that runs; by side. */
let worlds = new Map<'client' | 'server', World>();
let routes: string[] = [];

interface RouteNotice {
  readonly side: string;
  readonly carrier: string;
  readonly reason: string | null;
}

subscribe('sockets-direct:route', (message) => {
  const { side, carrier, reason } = message as RouteNotice;
  routes.push(`${side} ${carrier} ${reason ?? ''}`.trim());
});

process.on('uncaughtException', (error) => {
  const [first] = worlds.values();
  first?.process.note(`uncaught ${String(error.stack)}`);
});
process.on('disconnect', () => process.exit(0));

function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

async function turns(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await turn();
}

async function look(): Promise<Sight> {
  await turns();
  const sight = { activity: 0, sockets: [] as Sight['sockets'][number][], accepted: 0, dropped: 0, connected: 0 };
  let closedServers = false;
  for (const world of worlds.values()) {
    sight.activity += world.activity;
    sight.accepted += world.accepted;
    sight.dropped += world.dropped;
    sight.connected += world.connected;
    closedServers ||= world.closedServers;
    for (const watched of world.sockets.values()) sight.sockets.push(watched.glance());
    world.noteStates();
  }
  return { ...sight, closedServers };
}

async function begin(order: Extract<Order, { type: 'begin' }>): Promise<Answer> {
  worlds = new Map();
  routes = [];
  let ports = order.ports ?? [];
  if (order.sides.includes('server')) {
    const server = new ServerWorld(order.program);
    worlds.set('server', server);
    ports = await server.listening();
  }
  if (order.sides.includes('client')) worlds.set('client', new ClientWorld(ports));
  return { type: 'ready', ports };
}

async function act({ rounds }: Extract<Order, { type: 'do' }>): Promise<Answer> {
  for (const round of rounds) worlds.get(round.side)?.round(round);
  return { type: 'sight', sight: await look() };
}

function record({ stuck }: Extract<Order, { type: 'record' }>): Answer {
  const records: Partial<Record<'client' | 'server', SideRecord>> = {};
  for (const [side, world] of worlds) {
    for (const what of stuck) world.process.note(`stuck: ${what}`);
    records[side] = world.record(routes);
  }
  return { type: 'record', records };
}

async function end(): Promise<Answer> {
  const ending = [...worlds.values()];
  for (const world of ending) world.endAll();
  for (let i = 0; i < TURNS_MAX && !ending.every((world) => world.over); i++) await turn();
  return { type: 'ended' };
}

async function answer(order: Order): Promise<Answer> {
  switch (order.type) {
    case 'begin':
      return begin(order);
    case 'keep':
      for (const world of worlds.values()) world.keepStates(order.after);
      return { type: 'kept' };
    case 'do':
      return act(order);
    case 'turn':
      return { type: 'sight', sight: await look() };
    case 'record':
      return record(order);
    case 'end':
      return end();
  }
}

process.on('message', (order: Order) => {
  void answer(order).then((reply) => process.send?.(reply));
});
