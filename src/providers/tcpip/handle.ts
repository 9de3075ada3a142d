/** What this provider needs of Node's TCP handles and of the proxy driver; injected, so that it holds on to neither. */

/** A program's TCP handle (a `TCPWrap`). Only its identity and its descriptor matter here. */
export interface TcpHandle {
  /** -1: the handle has no socket yet. */
  readonly fd: number;
}

/**
 * A listening handle without a socket: what a worker of a round-robin cluster has. The socket is the primary's, and
 * connections come by messages; the handle knows where it listens.
 */
export interface SharedHandle {
  /** There is none; what tells it from a {@link TcpHandle}. */
  readonly fd?: undefined;
  getsockname(out: NodeName): number;
}

/** What `getsockname` of a handle fills. */
export interface NodeName {
  address?: string;
  family?: string;
  port?: number;
}

/**
 * The methods of `TCP.prototype` as they were before anything replaced them; each is called with the handle as `this`
 * and returns a libuv status: 0, or a negative errno.
 */
export interface TcpMethods {
  open(this: TcpHandle, fd: number): number;
  listen(this: TcpHandle, backlog: number): number;
  connect(this: TcpHandle, req: object, address: string, port: number): number;
  connect6(this: TcpHandle, req: object, address: string, port: number): number;
  getsockname(this: TcpHandle, out: NodeName): number;
}

/** An IP address and port. */
interface Endpoint {
  family: 4 | 6;
  address: string;
  port: number;
}

/** The proxy driver's part in this provider; `ProxyDriver` is one. Numbers below 0 are negative errnos. */
export interface TcpipDriver {
  /** The addresses of the host's interfaces, ports 0. */
  getAddressList(): { sa_family: number; sin_port: number; sin_addr: string; sin6_scope_id?: number }[];
  /** Calls back after addresses came or went; returns what ends it. */
  watchAddressList(onChange: () => void): () => void;
  getRoute(remote: string): { readonly local: boolean; readonly source: string } | number;
  /** The socket's SO_COOKIE. */
  getNativeAddress(fd: number): bigint | number;
  /** The listener that the kernel names for a destination: its SO_COOKIE and its owner's uid. */
  translate(remote: Endpoint, local: Endpoint): { readonly cookie: bigint; readonly uid: number } | number;
  /** A socket bound without SO_REUSEADDR: its descriptor; `bound[0]` = its port. */
  reservePort(local: Endpoint, bound: Int32Array): number;
  readonly addon: { close(fd: number): number };
}
