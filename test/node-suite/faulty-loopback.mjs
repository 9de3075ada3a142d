// A provider module for a running program: connections within the process go over the loopback provider with delays and
// refusals by a seed, and nothing that a program on TCP could not meet as well. Messages, completions and answers take their
// time, so that connections overtake each other; memory and sockets are refused, and a connect is never answered: then the
// program's connection goes by TCP. No connection breaks, and none is refused for good: on TCP these would have a cause.
//
//   SOCKETS_DIRECT_PROVIDERS=/…/test/node-suite/faulty-loopback.mjs LOOPBACK_SEED=7 node -r sockets-direct/register app.js
//
// LOOPBACK_SEED: 32 bits. It decides, beside the faults, whether the provider is of posted buffers or owns receive buffers.
// The same seed gives the same faults in the same order of calls; time is real, so that order may differ from run to run.
import { createLoopbackProvider, LoopbackNetwork } from '../../dist/providers/loopback/index.js';

/** As they are at load: a program's fake timers must not stop a connection. */
const { setImmediate, setTimeout } = globalThis;

/** Ticks of a millisecond. What is under way keeps no process alive: as in the kernel, that is for sockets to do. */
const scheduler = {
  now: () => performance.now(),
  /** @param {(argument: any) => void} act @param {any} argument @param {number} ticks */
  schedule(act, argument, ticks) {
    // An immediate that is not referenced would not wake the loop.
    if (ticks <= 0) setImmediate(act, argument);
    else setTimeout(act, ticks, argument).unref();
  },
};

const seed = Number(process.env.LOOPBACK_SEED ?? 1) >>> 0;
const network = new LoopbackNetwork({ scheduler, seed });
// Not from the beginning: a provider that cannot have its first socket is not used at all.
setImmediate(() => {
  network.faults = {
    ...network.faults,
    delayTicksMax: seed % 5,
    registerNoBuffers: 20_000,
    socketNoBuffers: 20_000,
    connectLost: 5_000,
  };
}).unref();

const provider = createLoopbackProvider({ ownsReceiveBuffers: seed % 2 === 0, connectData: seed % 3 !== 0 }, network);

export const { WSPStartupEx, protocolInfo } = provider;
