/** A proxy driver and a TCP handle without a kernel. */
import type { NodeName, TcpHandle, TcpipDriver, TcpMethods } from '../../../src/providers/tcpip/index.js';
import type { SOCKADDR } from '../../../src/spi/index.js';

const EBADF = -9;

export class FakeDriver implements TcpipDriver {
  readonly addresses: SOCKADDR[] = [];
  readonly reserved: object[] = [];
  readonly closed: number[] = [];
  route: { local: boolean; source: string } | number = { local: true, source: '127.0.0.1' };
  /** What `getNativeAddress` answers; null: 1000 and the descriptor. */
  cookie: bigint | number | null = null;
  /** What `translate` answers. */
  listener: { cookie: bigint; uid: number } | number = { cookie: 77n, uid: process.geteuid!() };
  readonly translated: unknown[] = [];
  /** Below 0: what `reservePort` fails with. */
  reserveResult = 0;
  readonly #callbacks = new Set<() => void>();
  #nextFd = 20;

  readonly addon = {
    close: (fd: number): number => {
      this.closed.push(fd);
      return 0;
    },
  };

  get watchers(): number {
    return this.#callbacks.size;
  }

  change(): void {
    for (const callback of this.#callbacks) callback();
  }

  getAddressList(): SOCKADDR[] {
    return this.addresses;
  }

  watchAddressList(onChange: () => void): () => void {
    this.#callbacks.add(onChange);
    return () => this.#callbacks.delete(onChange);
  }

  getRoute(): { local: boolean; source: string } | number {
    return this.route;
  }

  getNativeAddress(fd: number): bigint | number {
    return this.cookie ?? BigInt(1000 + fd);
  }

  translate(remote: object, local: object): { cookie: bigint; uid: number } | number {
    this.translated.push([remote, local]);
    return this.listener;
  }

  reservePort(local: { family: 4 | 6; address: string; port: number }, bound: Int32Array): number {
    if (this.reserveResult < 0) return this.reserveResult;
    bound[0] = local.port === 0 ? 50_000 + this.#nextFd : local.port;
    this.reserved.push(local);
    return this.#nextFd++;
  }
}

export class FakeHandle implements TcpHandle {
  fd = -1;
  readonly calls: unknown[][] = [];
  openStatus = 0;
  connectStatus = 0;
  listenStatus = 0;
}

/** The methods work on {@link FakeHandle} only. */
export const fakeMethods: TcpMethods = {
  open(fd) {
    const handle = fake(this);
    if (handle.openStatus === 0) handle.fd = fd;
    return handle.openStatus;
  },
  listen(backlog) {
    const handle = fake(this);
    handle.calls.push(['listen', backlog]);
    return handle.listenStatus;
  },
  connect(req, address, port) {
    const handle = fake(this);
    handle.calls.push(['connect', req, address, port]);
    return handle.connectStatus;
  },
  connect6(req, address, port) {
    const handle = fake(this);
    handle.calls.push(['connect6', req, address, port]);
    return handle.connectStatus;
  },
  getsockname(out: NodeName) {
    if (this.fd < 0) return EBADF;
    Object.assign(out, { address: '127.0.0.1', family: 'IPv4', port: 50000 + this.fd });
    return 0;
  },
};

function fake(handle: TcpHandle): FakeHandle {
  if (!(handle instanceof FakeHandle)) throw new TypeError('not a fake handle');
  return handle;
}
