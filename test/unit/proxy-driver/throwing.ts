// A program whose callbacks throw. Not a test: link.test.ts starts it.
import { until } from '../../support/until.js';
import { addonForTests, linkPair } from './rings.js';

const addon = addonForTests();
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
process.on('uncaughtException', (error) => say(`uncaughtException: ${error.message}`));

void linkPair(addon).then(async ([a, b]) => {
  b.onMessages = () => {
    if (b.received === 1) throw new Error('drain');
  };
  a.send();
  await until(() => b.received === 1, 'a message');
  b.onPacket = () => {
    throw new Error('packet');
  };
  addon.linkSend(a.link, new Uint8Array(5), -1);
  a.send();
  await until(() => b.received === 2, 'another message');
  await new Promise((resolve) => setTimeout(resolve, 20));
  say(`messages: ${b.received}`);
});
