// Secures memory, reads it by way of the kernel, and sends it over a loopback provider that caches; tells what came of it.
// `folder` (the first argument) is the package's dist.
import { pathToFileURL } from 'node:url';

const folder = pathToFileURL(`${process.argv[2]}/`);
/** @param {string} path */
const load = (path) => import(new URL(path, folder).href);
const { ProxyDriver } = await load('proxy-driver/index.js');
const { createLoopbackProvider, LoopbackNetwork, VirtualScheduler } = await load('providers/loopback/index.js');
const spi = await load('spi/index.js');

const { driver } = ProxyDriver.load();
const memory = driver.allocations.allocate(4096);
const bytes = new Uint8Array(memory).fill(7);
const secured = driver.secured.secure(bytes);
if (typeof secured !== 'number') driver.secured.unsecure(secured);
const copy = new Uint8Array(2);
const guarded = [
  driver.addon.guardedRead(driver.addon.addressOf(bytes), copy),
  driver.addon.guardedRead(16, copy),
  driver.addon.guardedWrite(driver.addon.addressOf(bytes), Uint8Array.of(8)),
  driver.addon.guardedWrite(16, copy),
];

const clock = new VirtualScheduler();
const network = new LoopbackNetwork({ scheduler: clock, seed: 1 });
const errno = { value: 0 };

/** @param {string} address */
function host(address) {
  const provider = createLoopbackProvider({ addresses: [address], cacheRegistrations: true }, network);
  const proc = spi.createProcTable();
  let next = 1;
  const upcalls = spi.createUpcallTable({
    lpWPUCreateSocketHandle: () => next++,
    lpWPUCloseSocketHandle: () => 0,
    lpWPUCompleteOverlappedRequest: () => 0,
  });
  provider.WSPStartupEx(spi.WINSOCK_VERSION_2_2, spi.createWspData(), provider.protocolInfo, upcalls, proc);
  const extensions = spi.SAN_EXTENSIONS.map((/** @type {{ guid: string }} */ { guid }) => {
    const found = { value: null };
    const code = spi.SIO_GET_EXTENSION_FUNCTION_POINTER;
    proc.lpWSPIoctl(-1, code, guid, found, { value: 0 }, null, null, null, errno);
    return found.value;
  });
  const s = proc.lpWSPSocket(spi.AF_INET, spi.SOCK_STREAM, spi.IPPROTO_TCP, null, 0, spi.WSA_FLAG_OVERLAPPED, errno);
  proc.lpWSPBind(s, spi.makeSockaddr(spi.AF_INET, address, 80), 16, errno);
  return { proc, s, register: extensions[0], deregister: extensions[1], callback: extensions[6] };
}

const a = host('10.0.0.1');
const b = host('10.0.0.2');
b.proc.lpWSPListen(b.s, 1, errno);
const name = spi.makeSockaddr(spi.AF_INET, '10.0.0.2', 80);
a.proc.lpWSPConnect(a.s, name, 16, null, null, null, null, errno);
clock.step();
const sb = b.proc.lpWSPAccept(b.s, null, null, () => spi.CF_ACCEPT, null, errno);
while (clock.step());
const into = new Uint8Array(4096);
const target = b.register(sb, into, 4096, spi.MEM_READWRITE, errno);
let pinned = 0;
for (let round = 0; round < 2; round++) {
  const handle = a.register(a.s, bytes, 4096, spi.MEM_READ, errno);
  pinned += handle === 0 ? 0 : 1;
  const buffers = [{ len: 4096, buf: into }];
  const overlapped = spi.createOverlapped();
  b.proc.lpWSPRecv(sb, buffers, 1, { value: 0 }, { value: 0 }, overlapped, null, null, errno);
  const source = [{ len: 4096, buf: bytes.fill(9 + round) }];
  a.proc.lpWSPSend(a.s, source, 1, { value: 0 }, 0, spi.createOverlapped(), null, null, errno);
  while (clock.step());
  a.deregister(a.s, handle, errno);
}
const { state, reason, ranges } = driver.secured;
const arrived = [into[0], into[4095]];
const answer = { state, reason, ranges, guarded, copy: [...copy], arrived, pinned, target: target !== 0 };
process.stdout.write(JSON.stringify(answer));
