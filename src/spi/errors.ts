/**
 * The result codes of the SPI: published names and values, and nothing else. Their meaning and their Linux errno are in
 * error-table.ts.
 *
 * A call reports failure by its return value (`SOCKET_ERROR`, `INVALID_SOCKET`, `false`, a NULL handle) and leaves one
 * of these in `lpErrno.value`; `WSPStartupEx` returns the code itself (SP-5). Values: [HDR: winerror.h].
 */

/** Success. */
export const NO_ERROR = 0;
/** The handle given is not an open one (XFER-26). */
export const WSA_INVALID_HANDLE = 6;
/** There is not enough memory for the call itself. */
export const WSA_NOT_ENOUGH_MEMORY = 8;
/** A parameter has a value the call does not know (XFER-26). */
export const WSA_INVALID_PARAMETER = 87;
/** The operation was given up because its socket was closed locally (CLOSE-4, ERR-15). */
export const WSA_OPERATION_ABORTED = 995;
/** Not an error: the operation that was asked about is not finished yet (XFER-26, ERR-13). */
export const WSA_IO_INCOMPLETE = 996;
/** Not an error: the operation was started and will complete later (XFER-21, ERR-12). */
export const WSA_IO_PENDING = 997;
/** A blocking call was interrupted. Not used between switch and provider. */
export const WSAEINTR = 10004;
/** Permission was denied. */
export const WSAEACCES = 10013;
/** A pointer or length is unusable: memory not registered, block too small (MEM-12, MEM-16, ACC-9, OPT-11, ERR-18). */
export const WSAEFAULT = 10014;
/** An argument is invalid, or the call does not fit the socket's state (SOCK-14, LIST-9, MEM-15, ERR-19). */
export const WSAEINVAL = 10022;
/** No more descriptors (SOCK-10, LIST-9, ACC-9). */
export const WSAEMFILE = 10024;
/** Nothing is ready, or the connect goes on in the background (CONN-5, ERR-11, OBS-31). */
export const WSAEWOULDBLOCK = 10035;
/** A blocking call is in progress. A SAN provider never answers it (SP-22). */
export const WSAEINPROGRESS = 10036;
/** A nonblocking connect is already running on this socket (CONN-16). */
export const WSAEALREADY = 10037;
/** The descriptor is not an open socket, e.g. it was closed (CLOSE-9, CLOSE-11, ERR-21). */
export const WSAENOTSOCK = 10038;
/** A destination address is needed. */
export const WSAEDESTADDRREQ = 10039;
/** The message is larger than the transport carries in one call (XFER-3). */
export const WSAEMSGSIZE = 10040;
/** The socket type does not fit the protocol (SOCK-10, OBS-6). */
export const WSAEPROTOTYPE = 10041;
/** The option or control code is unknown (OPT-11, OBS-44). */
export const WSAENOPROTOOPT = 10042;
/** The protocol is not supported (SOCK-10, OBS-6). */
export const WSAEPROTONOSUPPORT = 10043;
/** The socket type is not supported in this address family (SOCK-10). */
export const WSAESOCKTNOSUPPORT = 10044;
/** The operation is not offered. From the two optional extensions' GUIDs this is allowed (SP-9, SW-17, ERR-1). */
export const WSAEOPNOTSUPP = 10045;
/** The protocol family is not supported. */
export const WSAEPFNOSUPPORT = 10046;
/** The address family is not supported (SOCK-10, OBS-6). */
export const WSAEAFNOSUPPORT = 10047;
/** The address is in use; for a connect: this 4-tuple exists already (OBS-28). Never from `WSPBind` (SOCK-14). */
export const WSAEADDRINUSE = 10048;
/** The address is not one this provider serves; the switch falls back to TCP (SOCK-14, OBS-24, OBS-25). */
export const WSAEADDRNOTAVAIL = 10049;
/** The provider's network subsystem has failed. */
export const WSAENETDOWN = 10050;
/** The network cannot be reached. */
export const WSAENETUNREACH = 10051;
/** The connection was broken by a keep-alive failure (XFER-32, OPT-12). */
export const WSAENETRESET = 10052;
/** The connection was broken by an error on this side or in the transport (OBS-14). */
export const WSAECONNABORTED = 10053;
/** The peer reset the connection; for a connect: nobody listens on that port there (CONN-13, CLOSE-3, ERR-14). */
export const WSAECONNRESET = 10054;
/** No buffer space; registration or allocation failed (SOCK-10, MEM-12, XFER-15, ERR-10). */
export const WSAENOBUFS = 10055;
/** The socket is connected already (LIST-9, OBS-28). */
export const WSAEISCONN = 10056;
/** The socket is not connected (XFER-32, MEM-12, OBS-14). */
export const WSAENOTCONN = 10057;
/** That direction was shut down. */
export const WSAESHUTDOWN = 10058;
/** No answer; also: on the SAN, but its host has no provider. The switch falls back to TCP (CONN-14, ERR-5). */
export const WSAETIMEDOUT = 10060;
/** The other side refused: backlog full or CF_REJECT. Authoritative, no fallback (CONN-13, LIST-7, ACC-7). */
export const WSAECONNREFUSED = 10061;
/** The remote host is down. */
export const WSAEHOSTDOWN = 10064;
/** The destination does not exist. Authoritative, no fallback (CONN-13, CONN-14). */
export const WSAEHOSTUNREACH = 10065;
/** Too many users of the provider at once (SP-5). */
export const WSAEPROCLIM = 10067;
/** The network subsystem is not ready yet (SP-5). */
export const WSASYSNOTREADY = 10091;
/** The version asked for is not supported (SP-5, OBS-3). */
export const WSAVERNOTSUPPORTED = 10092;
/** No successful `WSPStartupEx` came before, or the last `WSPCleanup` is done (SP-12, ERR-22). */
export const WSANOTINITIALISED = 10093;
/** The provider answered nonsense: a function missing in its table, a wrong version. */
export const WSAEINVALIDPROVIDER = 10105;
/** The provider could not be initialised, e.g. its transport does not open (OBS-4). */
export const WSAEPROVIDERFAILEDINIT = 10106;
/** A system call that should never fail has failed. What an errno without a code of its own becomes. */
export const WSASYSCALLFAILURE = 10107;
/** A temporary failure; what a CF_DEFER accept answers in the generic SPI (OBS-33). */
export const WSATRY_AGAIN = 11002;
/** A failure that will not go away by itself; also: this provider is installed already (OBS-5). */
export const WSANO_RECOVERY = 11003;
