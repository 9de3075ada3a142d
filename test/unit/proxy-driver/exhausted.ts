// A program that listens for control connections and has no descriptor left. Not a test: control.test.ts starts it.
import { openSync } from 'node:fs';
import { addonForTests } from './rings.js';

const addon = addonForTests();
let accepted = 0;
addon.listen(process.argv[2] ?? '', 16, () => accepted++);
process.stdin.resume();
const write = (value: unknown): boolean => process.stdout.write(JSON.stringify(value));
try {
  for (;;) openSync('/dev/null', 'r');
} catch {
  // EMFILE: where we want to be.
}
const before = process.cpuUsage();
write('ready');
process.stdin.on('end', () => {
  const { user, system } = process.cpuUsage(before);
  write({ accepted, cpuMs: (user + system) / 1000 });
  process.exit(0);
});
