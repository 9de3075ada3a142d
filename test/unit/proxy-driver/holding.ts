// A program with a link and nothing else to live for. Not a test: link.test.ts starts it.
import { addonForTests, linkPair } from './rings.js';

const addon = addonForTests();
const held = process.argv[2] === 'held';
process.on('exit', () => process.stdout.write('end\n'));

void linkPair(addon).then(([a, b]) => {
  if (!held) return;
  addon.hold(1);
  addon.hold(1);
  addon.hold(-1);
  b.onMessages = () => {
    process.stdout.write('message\n');
    addon.hold(-1);
  };
  // Unreferenced: without hold() the program would be over before.
  setTimeout(() => a.send(), 100).unref();
});
