/**
 * One process of a pair: `node child.mjs <scenario> <server|client> <adapter> <parameters as JSON>`. It loads the
 * scenario, plays its role and talks to the rig over the IPC channel; while it measures, that channel is silent.
 *
 * To the rig: ready {address} · relay {name} · end {result, usage} · usage {usage} · final {facts} · error {message}
 * From the rig: go {target} · relay {name} · end · stop · command {…}
 */
import process from 'node:process';
import { startProfile, stopProfile } from './profile.mjs';
import { scenarioOf } from './scenarios/index.mjs';

const [, , scenarioName, role, adapter, parameters] = /** @type {any[]} */ (process.argv);
const HOOK = Symbol.for('sockets-direct.bench.routeOf');
/** Connections that may be on TCP in a run with many of them (a listener that was busy for 50 ms), before it is void. */
const TOLERATED_SHARE = 0.01;

function usageNow() {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), cpu: user + system };
}

const send = (message, sent) => process.send?.(message, sent);

class RouteError extends Error {}

class Context {
  params = JSON.parse(parameters);
  adapter = adapter;
  /** What the client connects to; set before its role starts. */
  target = null;
  /** @type {ReturnType<typeof usageNow> | null} */
  #from = null;
  #handlers = new Map();
  #routes = { checked: 0, san: 0, other: new Map() };

  /** The server's side is up. @param {import('node:net').AddressInfo | string | object} address */
  ready(address) {
    send({ type: 'ready', address });
  }

  /** Run `handler` when the other process relays `name`, or the rig says stop / command. */
  on(name, handler) {
    this.#handlers.set(name, handler);
  }

  relay(name) {
    send({ type: 'relay', name });
  }

  /** The timekeeper opens the measured window: CPU is counted from here, in both processes. */
  begin() {
    this.#begun();
    this.relay('begin');
  }

  #begun() {
    if (this.params.profile !== undefined) startProfile();
    this.#from = usageNow();
  }

  /** The timekeeper closes it and hands in what it measured. */
  end(result) {
    const usage = this.usage();
    const route = this.#verdict();
    send({ type: 'end', result: route === null ? result : { ...result, route }, usage });
  }

  /** The answer to a command; one with a result closes the run, so the route must be proved by then. */
  reply(result) {
    const route = result === null ? null : this.#verdict();
    send({ type: 'reply', result: route === null ? result : { ...result, route } });
  }

  /** Milliseconds and CPU microseconds since begin. */
  usage() {
    const now = usageNow();
    const from = this.#from ?? now;
    const usage = { ms: now.at - from.at, cpu: now.cpu - from.cpu };
    if (this.params.profile === undefined) return usage;
    return { ...usage, profile: stopProfile(`${this.params.profile}/${scenarioName}.${adapter}.${role}.cpuprofile`) };
  }

  /** Ask the switch which route this socket took (nothing to ask without the switch). */
  prove(socket) {
    const ask = globalThis[HOOK];
    if (ask === undefined) return;
    const route = ask(socket);
    this.#routes.checked++;
    if (route?.san) this.#routes.san++;
    else {
      const text = route?.text ?? 'unknown';
      this.#routes.other.set(text, (this.#routes.other.get(text) ?? 0) + 1);
    }
  }

  /** Throws unless the SAN carried what a run under the switch claims that it carried. */
  #verdict() {
    if (adapter !== 'san') return null;
    const { checked, san, other } = this.#routes;
    const expected = this.params.expectTcp === true ? 'tcp' : 'san';
    const good = expected === 'san' ? san : checked - san - (other.get('unknown') ?? 0);
    if (checked > 0 && good >= checked * (1 - (checked > 100 ? TOLERATED_SHARE : 0)))
      return { [expected]: good, checked };
    const seen = [...other].map(([text, count]) => `${count} × ${text}`).join(', ');
    throw new RouteError(
      `route not proved: expected ${expected}, ${good} of ${checked} sockets were (others: ${seen || 'none'})`,
    );
  }

  async receive(message) {
    if (message.type === 'go') {
      this.target = message.target;
      await scenario[role](this);
    } else if (message.type === 'relay') {
      if (message.name === 'begin') this.#begun();
      await this.#handlers.get(message.name)?.();
    } else if (message.type === 'end') {
      const usage = this.usage();
      if (this.#routes.checked > 0) this.#verdict();
      send({ type: 'usage', usage });
    } else if (message.type === 'command') {
      await this.#handlers.get('command')?.(message.command);
    } else if (message.type === 'stop') {
      const facts = await this.#handlers.get('stop')?.();
      send({ type: 'final', facts: facts ?? null }, () => process.exit(0));
    }
  }
}

function fail(error) {
  const message = error instanceof RouteError ? error.message : (error?.stack ?? String(error));
  if (!process.connected) process.exit(1);
  send({ type: 'error', message }, () => process.exit(1));
}

const scenario = scenarioOf(scenarioName);
const context = new Context();
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
process.on('message', (message) => context.receive(message).catch(fail));
// The rig is gone: nothing to measure for.
process.on('disconnect', () => process.exit(1));
if (role === 'server') await scenario.server(context);
else send({ type: 'ready', address: null });
