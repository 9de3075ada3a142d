/**
 * The rig: starts a server and a client for one run, opens and closes their common window, and gathers what both
 * measured. While they measure it only waits for their next message, so that it takes no CPU from them.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
/** How long a run may take beyond its warm-up and its window, ms. Generous: it only tells a hang from a slow machine. */
const GRACE_MS = 60_000;

/** Children inherit nothing that could put the switch under a run that is to go without. */
function environment() {
  // As long as nobody waits for so long it changes nothing; on a busy machine TCP's figures would come instead of the SAN's.
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, SOCKETS_DIRECT_CONNECT_TIMEOUT_MILLISECONDS: '10000' };
  delete env.NODE_OPTIONS;
  delete env.NODE_CHANNEL_FD;
  return env;
}

export class Child {
  #waiting = new Map();
  /** @type {any[]} */
  #arrived = [];
  /** @type {string | null} */
  #failure = null;
  #stderr = '';
  /** @type {(error: Error) => void} */
  #reject = () => undefined;

  /**
   * @param {object} options
   * @param {string} options.scenario
   * @param {'server'|'client'} options.role
   * @param {import('./adapters.mjs').Adapter} options.adapter
   * @param {object} options.params
   * @param {readonly string[]} [options.execArgv]
   * @param {Record<string, string>} [options.env]
   * @param {number} [options.descriptors] raise the limit of open files to this
   */
  constructor({ scenario, role, adapter, params, execArgv = [], env = {}, descriptors = 0 }) {
    this.name = `${scenario} ${adapter.name} ${role}`;
    /** Rejects when the process fails or ends; never resolves. */
    this.failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => {
      // Whoever waits for a message is told as well.
    });
    const node = [...adapter.execArgv, ...execArgv, CHILD, scenario, role, adapter.name, JSON.stringify(params)];
    const [command, argv] =
      descriptors > 0
        ? ['/bin/sh', ['-c', 'ulimit -n "$0" 2>/dev/null; exec "$@"', String(descriptors), process.execPath, ...node]]
        : [process.execPath, node];
    this.process = spawn(command, argv, {
      env: { ...environment(), ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-8192);
    });
    this.process.on('error', (error) => this.#fail(error.message));
    this.process.on('exit', (code, signal) => {
      this.exited = true;
      this.#fail(`ended with ${signal ?? `code ${code}`}`);
    });
    this.process.on('message', (/** @type {any} */ message) => {
      if (message.type === 'error') this.#fail(message.message);
      else this.#deliver(message);
    });
    /** @type {((message: any) => void) | null} */
    this.onRelay = null;
    this.exited = false;
  }

  #deliver(message) {
    if (message.type === 'relay') {
      this.onRelay?.(message);
      return;
    }
    const waiter = this.#waiting.get(message.type);
    if (waiter === undefined) this.#arrived.push(message);
    else {
      this.#waiting.delete(message.type);
      waiter.resolve(message);
    }
  }

  #fail(text) {
    if (this.#failure !== null) return;
    this.#failure = text;
    // Its last words on stderr may still be on their way; they are worth a moment.
    setTimeout(() => {
      for (const waiter of this.#waiting.values()) waiter.reject(this.#error());
      this.#waiting.clear();
      this.#reject(this.#error());
    }, 50);
  }

  #error() {
    const stderr = this.#stderr.trim();
    return new Error(`${this.name}: ${this.#failure}${stderr === '' ? '' : `\n  its stderr: ${stderr}`}`);
  }

  send(message) {
    if (!this.exited && this.process.connected) this.process.send(message);
  }

  /** The next message of this type. @returns {Promise<any>} */
  message(type, timeoutMs = GRACE_MS) {
    const index = this.#arrived.findIndex((message) => message.type === type);
    if (index >= 0) return Promise.resolve(this.#arrived.splice(index, 1)[0]);
    if (this.#failure !== null) return Promise.reject(this.#error());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(type);
        reject(new Error(`${this.name}: no '${type}' within ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = (action) => (value) => {
        clearTimeout(timer);
        action(value);
      };
      this.#waiting.set(type, { resolve: settle(resolve), reject: settle(reject) });
    });
  }

  async stop() {
    this.send({ type: 'stop' });
    return (await this.message('final')).facts;
  }

  async kill() {
    if (this.exited) return;
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await gone;
  }
}

/**
 * One run of one scenario over one adapter, in fresh processes.
 * @returns {Promise<{ result: any, usage: { server: any, client: any }, facts: { server: any, client: any } }>}
 */
export async function runPair(scenario, adapter, params) {
  const directory = adapter.unix ? mkdtempSync(join(tmpdir(), 'sd-bench-')) : null;
  const full = { ...params, path: directory === null ? null : join(directory, 's') };
  /** @type {any} */
  const options = { scenario: scenario.id, adapter, params: full, ...scenario.childOptions?.(params) };
  const server = new Child({ ...options, role: 'server' });
  const client = new Child({ ...options, role: 'client' });
  server.onRelay = (message) => client.send(message);
  client.onRelay = (message) => server.send(message);
  try {
    const [{ address }] = await Promise.all([server.message('ready'), client.message('ready')]);
    client.send({ type: 'go', target: address });
    const [keeper, other] = scenario.timekeeper === 'server' ? [server, client] : [client, server];
    const end = await Promise.race([
      keeper.message('end', (params.warmMs ?? 0) + (params.ms ?? 0) + GRACE_MS),
      other.failed,
    ]);
    other.send({ type: 'end' });
    const otherUsage = (await other.message('usage')).usage;
    const usage =
      keeper === server ? { server: end.usage, client: otherUsage } : { server: otherUsage, client: end.usage };
    const facts = { server: null, client: null };
    for (const role of scenario.stopOrder ?? ['client', 'server']) {
      facts[role] = await (role === 'server' ? server : client).stop();
    }
    scenario.verify?.(facts, end.result);
    return { result: end.result, usage, facts };
  } finally {
    await Promise.all([server.kill(), client.kill()]);
    if (directory !== null) rmSync(directory, { recursive: true, force: true });
  }
}
