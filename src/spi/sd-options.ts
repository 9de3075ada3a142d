/**
 * Socket options and control codes of this project, outside the published ranges. NOT part of winsock2.h or ws2san.h. A provider that
 * does not know one answers `WSAENOPROTOOPT`, and the switch does without.
 */

/**
 * Get, level `SOL_SOCKET`, after a failed connect: why, as a short word (string) from the closed list of route reasons.
 * A `WSA*` code alone cannot tell "no listener there" from "its listener has no companion" (DESIGN D9).
 */
export const SO_SD_CONNECT_DETAIL = 0x7f01;

/**
 * Set on a companion before `WSPListen`, get on the TCP/IP provider's socket; level `SOL_SOCKET`: the number by which
 * the host knows the TCP/IP socket, the shm provider's native address (`SO_COOKIE`, DESIGN D4). A number below 2^53.
 */
export const SO_SD_NATIVE_ADDRESS = 0x7f02;

/**
 * Get, level `SOL_SOCKET`, any socket: 1 = the provider can duplicate a connected socket into another process and attach
 * to one (`WSPDuplicateSocket`, `WSPSocket` with `dwProviderReserved`). Only then does the switch offer to suspend.
 */
export const SO_SD_DUPLICATION = 0x7f03;

/**
 * Control code (`_WSAIOW(IOC_VENDOR, 3)`), input a SOCKADDR: may anybody who listens on that port be reached through this provider? 0: perhaps, go
 * on; `WSAEADDRNOTAVAIL`: nobody. A cheap question ahead of the socket, so that a connect which must stay on TCP costs
 * its program next to nothing.
 */
export const SIO_SD_LISTENER_HINT = 0x98000003;

/**
 * Control code of the TCP/IP provider (`_WSAIOW(IOC_VENDOR, 4)`), input a SOCKADDR: the native address (a number, as of
 * `SO_SD_NATIVE_ADDRESS`) of the socket that listens there, be it another process's; `WSAEACCES` if it is another user's.
 */
export const SIO_SD_LISTENER_AT = 0x98000004;

/**
 * Control code (`_WSAIO(IOC_VENDOR, 5)`), on a socket that connects: who was asked does not answer in time. 0: the provider
 * has asked another one that serves the same listener; `WSAEADDRNOTAVAIL`: there is none.
 */
export const SIO_SD_ASK_ANOTHER = 0x98000005;
