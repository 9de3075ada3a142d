/**
 * Ticks that starting leaves behind (of the sockets that the self-test tries, of the query server) run before the program
 * does. Later they would be its first, and its async hooks would see them run without having seen them made.
 */

/** Runs `act`, then the ticks that it has made, and theirs. */
export function withOwnTicks<T>(act: () => T): T {
  const { nextTick } = process;
  const ticks: (() => void)[] = [];
  process.nextTick = (callback: (...args: never[]) => void, ...args: never[]): void => {
    ticks.push(() => callback(...args));
  };
  try {
    const result = act();
    for (const tick of ticks) tick();
    return result;
  } finally {
    process.nextTick = nextTick;
  }
}
