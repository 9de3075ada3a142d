// One end of a link at the level of the provider's functions, in a process of its own; reach.test.ts tells it what to do
// by lines "word {json}" on stdin, and it answers in the same way.
//   listen {}                    "listening {port}"; each connection: "accepted {reach}"
//   connect {port}               "connected {code, reach}"
//   expose {bytes, seed, flags}  "exposed {descriptor}"; the memory is filled with the seed's pattern
//   withdraw {descriptor}        "withdrawn {code}"
//   sum {}                       "sum {sum}" of the memory that was exposed last
//   read {descriptor, bytes}     "read {code, error, bytes, sum}", when it is over; "begun {}" when it has begun
//   write {descriptor, bytes, seed}   "written {code, error}"
//   send {text}                  the other end says "message {text}"
import { createInterface } from 'node:readline';
import { createOverlapped, isComplete, MEM_READ, MEM_WRITE, WSA_IO_PENDING } from '../../../src/spi/index.js';
import { MiniSwitch } from '../../unit/shm/support/mini-switch.js';
import { Rdma } from '../../unit/shm/support/rdma.js';
import { until } from '../../support/until.js';
import { patternOf, sumOf } from './pattern.js';

interface Order {
  readonly port: number;
  readonly bytes: number;
  readonly seed: number;
  readonly flags: number;
  readonly descriptor: string;
  readonly text: string;
}

const parameters = JSON.parse(process.argv[2] ?? '{}') as { undumpable?: boolean; rdma?: 'auto' | 'off' };
if (parameters.undumpable === true) {
  // Whoever changes its user or group may not be traced any more, even after it has changed back: so says the kernel.
  process.setegid?.(65534);
  process.setegid?.(0);
}
const sw = new MiniSwitch(parameters.rdma === undefined ? {} : { rdma: parameters.rdma });
const rdma = new Rdma(sw);
const alive = setInterval(() => undefined, 1000);
let s = -1;
let memory: Buffer = Buffer.alloc(0);

const say = (word: string, message: object): void => void process.stdout.write(`${word} ${JSON.stringify(message)}\n`);

function watch(): void {
  const recorder = sw.record(s);
  recorder.onMessage = (shared, offset, length) => {
    say('message', { text: Buffer.from(shared.slice(offset, offset + length)).toString() });
    return 0;
  };
  recorder.onDisconnect = (error) => say('disconnected', { error });
}

const orders: Record<string, (order: Order) => Promise<void> | void> = {
  async listen() {
    const { port } = await sw.listen((accepted) => {
      s = accepted;
      watch();
      say('accepted', { reach: sw.owned.SdpPeerOf(s)?.reach });
    });
    say('listening', { port });
  },
  async connect({ port }) {
    const { s: socket, code } = await sw.connect(port);
    s = socket;
    if (code === 0) watch();
    say('connected', { code, reach: sw.owned.SdpPeerOf(s)?.reach });
  },
  expose({ bytes, seed, flags }) {
    memory = patternOf(bytes, seed);
    say('exposed', { descriptor: rdma.exposed(s, memory, flags).toString('hex') });
  },
  withdraw({ descriptor }) {
    say('withdrawn', { code: rdma.withdraw(s, Buffer.from(descriptor, 'hex')) });
  },
  sum() {
    say('sum', { sum: sumOf(memory) });
  },
  async read({ descriptor, bytes }) {
    const into = Buffer.alloc(bytes);
    const part = rdma.part(s, into, MEM_WRITE);
    const { code, overlapped } = rdma.read(s, Buffer.from(descriptor, 'hex'), 0, part);
    say('begun', {});
    if (code === WSA_IO_PENDING) await until(() => isComplete(overlapped), 'the read');
    say('read', { code, error: overlapped.OffsetHigh, bytes: overlapped.InternalHigh, sum: sumOf(into) });
    rdma.deregister(s, part.handle);
  },
  async write({ descriptor, bytes, seed }) {
    const part = rdma.part(s, patternOf(bytes, seed), MEM_READ);
    const { code, overlapped } = rdma.write(s, Buffer.from(descriptor, 'hex'), 0, part);
    say('begun', {});
    if (code === WSA_IO_PENDING) await until(() => isComplete(overlapped), 'the write');
    say('written', { code, error: overlapped.OffsetHigh });
    rdma.deregister(s, part.handle);
  },
  send({ text }) {
    sw.send(s, Buffer.from(text), createOverlapped());
  },
  quit() {
    clearInterval(alive);
    process.exit(0);
  },
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const space = line.indexOf(' ');
  void orders[line.slice(0, space)]?.(JSON.parse(line.slice(space + 1)) as Order);
});
say('ready', {});
