// A worker that connects to a name, is given memory, and answers every message. Not a test: workers.test.ts starts it.
import { parentPort, workerData } from 'node:worker_threads';
import { addonForTests, mapped, TestEnd } from './rings.js';

const addon = addonForTests();
const { name, spin } = workerData as { name: string; spin: number };
addon.setSpin(spin);

const end = new TestEnd(addon, addon.connect(name));
end.onPacket = (_bytes, fd) => {
  end.onMessages = (count) => end.send(count);
  end.attach(0, mapped(addon, fd));
  addon.close(fd);
};
parentPort?.on('message', () => process.exit(0));
