// The real switch under `net`, with a loopback provider as its only SAN provider: both ends of a connection are in this
// event loop, and everything between `net` and the provider is what programs run on.
import assert from 'node:assert/strict';
import { Catalog } from '../../../../src/catalog/index.js';
import { install, type InstalledNet, reachInternals } from '../../../../src/net/index.js';
import {
  createLoopbackProvider,
  LoopbackNetwork,
  type LoopbackOptions,
  type LoopbackProvider,
} from '../../../../src/providers/loopback/index.js';
import { TcpipProvider } from '../../../../src/providers/tcpip/index.js';
import { ProxyDriver } from '../../../../src/proxy-driver/index.js';
import { makePort } from '../../../../src/runtime/start-switch.js';
import { Switch } from '../../../../src/switch/index.js';

export interface LoopbackSwitch {
  readonly net: InstalledNet;
  readonly sw: Switch;
  readonly provider: LoopbackProvider;
  /** Its faults may be changed. */
  readonly network: LoopbackNetwork;
  /** What went wrong that a program does not hear of. */
  readonly violations: string[];
  /** Whether connections may be on the SAN. */
  enabled: boolean;
  /** Window of the connections that are made from now on, in bytes: the same for all. */
  stop(): void;
}

const loaded = ProxyDriver.load();
assert.ok(loaded.driver, loaded.reason ?? '');
const driver = loaded.driver;

/** Starts it. `windowBytes`: what a program that does not read lets its peer send. */
export function installLoopbackSwitch(options: LoopbackOptions, windowBytes = 65536): LoopbackSwitch {
  const reached = reachInternals();
  assert.ok(reached.ok);
  const { open, listen, connect, connect6, getsockname } = reached.internals.TCP.prototype;
  const tcpip = new TcpipProvider(driver, { open, listen, connect, connect6, getsockname });
  // What is refused, where a test has something refused, is the same in each run.
  const network = new LoopbackNetwork({ seed: 1 });
  const provider = createLoopbackProvider(options, network);
  const catalog = new Catalog();
  const { ProviderId } = provider.protocolInfo;
  const installed = catalog.WSCInstallProvider(ProviderId, 'loopback', () => provider, [provider.protocolInfo], {
    value: 0,
  });
  assert.equal(installed, 0);
  catalog.addToSanList(ProviderId);
  const violations: string[] = [];
  const result: { enabled: boolean } = { enabled: true };
  const sw = new Switch({
    tcpip,
    catalog,
    session: { windowBytes, receiveBuffers: 64 },
    // A loaded machine must not turn a test of the SAN into one of TCP.
    connectTimeoutMs: 10_000,
    negativeTtlMs: 0,
    admits: () => result.enabled,
    events: {
      onListener: () => undefined,
      onProvider: (event, _name, reason, detail) => {
        if (event === 'refused') violations.push(`${reason} ${detail}`);
      },
      onViolation: (_connection, what) => violations.push(what),
    },
  });
  sw.start();
  assert.deepEqual(violations, []);
  const net = install(makePort(sw, tcpip), {
    hold: (delta) => driver.hold(delta),
    closeLate: (then) => driver.addon.closeLate(then) === 0,
    deliveries: driver.addon,
  });
  assert.ok(net.ok);
  return Object.assign(result, {
    net: net.net,
    sw,
    provider,
    network,
    violations,
    stop() {
      net.net.restore();
      sw.stop();
    },
  });
}
