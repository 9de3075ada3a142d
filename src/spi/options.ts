/**
 * Socket options and the flags of the calls. A SAN provider is asked to get only the six of {@link SAN_GET_OPTIONS} and
 * to set only the two of {@link SAN_SET_OPTIONS}; the others stay in the switch and TCP/IP (OPT-1…3, GAP-13).
 * Values: [HDR: winsock2.h, mswsock.h, ws2ipdef.h, ws2san.h].
 */

/** Option level of the socket itself (OPT-11). */
export const SOL_SOCKET = 0xffff;
/** Bool: produce debug output (OPT-4). Get and set are forwarded to a provider that supports it. */
export const SO_DEBUG = 0x0001;
/** Bool: the socket listens. */
export const SO_ACCEPTCONN = 0x0002;
/** Bool: the address may be reused. */
export const SO_REUSEADDR = 0x0004;
/** Bool: send keep-alives. */
export const SO_KEEPALIVE = 0x0008;
/** Bool: no routing. */
export const SO_DONTROUTE = 0x0010;
/** Bool: datagrams may be broadcast. */
export const SO_BROADCAST = 0x0020;
/** `{on, seconds}`: linger at close (CLOSE-12). */
export const SO_LINGER = 0x0080;
/** Bool: urgent data stays in the stream (OOB-5). */
export const SO_OOBINLINE = 0x0100;
/** Bool: nobody else may bind the address (published as `~SO_REUSEADDR`). */
export const SO_EXCLUSIVEADDRUSE = ~SO_REUSEADDR;
/** Bytes: send buffer; also what a suspended connection takes before it refuses (DUP-16). */
export const SO_SNDBUF = 0x1001;
/** Bytes: receive buffer. */
export const SO_RCVBUF = 0x1002;
/** Milliseconds: send timeout. */
export const SO_SNDTIMEO = 0x1005;
/** Milliseconds: receive timeout. */
export const SO_RCVTIMEO = 0x1006;
/** The socket's error, cleared by reading. */
export const SO_ERROR = 0x1007;
/** The socket's type. */
export const SO_TYPE = 0x1008;
/** The socket's group; only for QoS-capable providers (OPT-8). */
export const SO_GROUP_ID = 0x2001;
/** Priority in the group; only for QoS-capable providers (OPT-8). */
export const SO_GROUP_PRIORITY = 0x2002;
/** Bytes, get: most that one `WSPSend` carries. Required if the transport has such a limit (OPT-5, XFER-3). */
export const SO_MAX_MSG_SIZE = 0x2003;
/** The socket's protocol information. */
export const SO_PROTOCOL_INFOW = 0x2005;
/** Bool: a listener answers requests only when the program accepts. */
export const SO_CONDITIONAL_ACCEPT = 0x3002;
/** Switch-handled: an `AcceptEx` socket takes over its listener's properties (EXT-1). */
export const SO_UPDATE_ACCEPT_CONTEXT = 0x700b;
/** Seconds the socket has been connected. */
export const SO_CONNECT_TIME = 0x700c;
/** Bytes, get: most that one RDMA call carries. Required if the transport has such a limit (OPT-6, XFER-3). */
export const SO_MAX_RDMA_SIZE = 0x700d;
/** Bytes, get: size from which this provider prefers RDMA; the switch may decide otherwise (OPT-7, XFER-1, XFER-2). */
export const SO_RDMA_THRESHOLD_SIZE = 0x700e;
/** Switch-handled: a `ConnectEx` socket becomes usable by all calls. */
export const SO_UPDATE_CONNECT_CONTEXT = 0x7010;

/** Bool, level `IPPROTO_TCP`: do not gather small sends. */
export const TCP_NODELAY = 0x0001;
/** Seconds, level `IPPROTO_TCP`: idle time before the first keep-alive. */
export const TCP_KEEPIDLE = 3;
/** Count, level `IPPROTO_TCP`: unanswered keep-alives before the connection is given up. */
export const TCP_KEEPCNT = 16;
/** Seconds, level `IPPROTO_TCP`: time between keep-alives. */
export const TCP_KEEPINTVL = 17;
/** Bool, level `IPPROTO_IPV6`: no IPv4 through this IPv6 socket. */
export const IPV6_V6ONLY = 27;

/** Options that the switch asks a SAN provider to get, if it supports them (OPT-2). Level `SOL_SOCKET`. */
export const SAN_GET_OPTIONS: readonly number[] = [
  SO_DEBUG,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SO_GROUP_ID,
  SO_GROUP_PRIORITY,
];

/** Options that the switch sets on a SAN provider, if it supports them: only these (OPT-3). Level `SOL_SOCKET`. */
export const SAN_SET_OPTIONS: readonly number[] = [SO_DEBUG, SO_GROUP_PRIORITY];

/** What "no limit" looks like in {@link SO_MAX_MSG_SIZE} and {@link SO_MAX_RDMA_SIZE} (OBS-9). */
export const SO_SIZE_UNLIMITED = 0xffffffff;

/** Send or receive flag: urgent data. Handled by the switch, a provider never sees it (OOB-1…4, XFER-29). */
export const MSG_OOB = 0x1;
/** Receive flag: look without taking. Handled by the switch. */
export const MSG_PEEK = 0x2;
/** Receive flag, out: more of the message follows. */
export const MSG_PARTIAL = 0x8000;

/** `WSPShutdown` (switch only, CLOSE-1): no more receives. */
export const SD_RECEIVE = 0;
/** `WSPShutdown` (switch only, CLOSE-1): no more sends. */
export const SD_SEND = 1;
/** `WSPShutdown` (switch only, CLOSE-1): neither. */
export const SD_BOTH = 2;

/** Backlog: a reasonable maximum, chosen by the provider (LIST-8). */
export const SOMAXCONN = 0x7fffffff;

/** Answer of a condition function: accept the request (ACC-4, ACC-5). */
export const CF_ACCEPT = 0;
/** Answer of a condition function: refuse it (ACC-7). */
export const CF_REJECT = 1;
/** Answer of a condition function in the generic SPI: leave it queued. The switch never gives it (ACC-8). */
export const CF_DEFER = 2;

/** `WSPSocket` flag, always set by the switch (SOCK-9). A provider refuses any other set of flags (OBS-6). */
export const WSA_FLAG_OVERLAPPED = 0x01;

/** Registration right: the memory may be read (MEM-10, MEM-11). */
export const MEM_READ = 1;
/** Registration right: the memory may be written (MEM-10, MEM-11). */
export const MEM_WRITE = 2;
/** Registration right: both (MEM-11). */
export const MEM_READWRITE = 3;
