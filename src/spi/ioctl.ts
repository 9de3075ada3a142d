/**
 * Control codes of `WSPIoctl`. Values are unsigned 32-bit: compare them with `===`, do not use bit operators on them
 * (JavaScript's are signed). [HDR: winsock2.h]
 */

/** Part of a code: it has neither input nor output. */
export const IOC_VOID = 0x20000000;
/** Part of a code: it has output. */
export const IOC_OUT = 0x40000000;
/** Part of a code: it has input. */
export const IOC_IN = 0x80000000;
/** Part of a code: it has both. */
export const IOC_INOUT = 0xc0000000;
/** Part of a code: generic Winsock 2 code. */
export const IOC_WS2 = 0x08000000;

/**
 * Fetch an extension function. Input: its GUID as text, structure or bytes. Output: the function, typed `unknown`;
 * the GUID says what it is (SW-16, OPT-10). The socket is not looked at and may be invalid (OBS-1).
 * Errors: `WSAEOPNOTSUPP` known but not offered, allowed for two GUIDs (SP-9); `WSAEINVAL` unknown GUID (OBS-2).
 */
export const SIO_GET_EXTENSION_FUNCTION_POINTER = 0xc8000006;
/** Get the socket's QoS. Only for QoS-capable providers (OPT-9). */
export const SIO_GET_QOS = 0xc8000007;
/** Get the socket group's QoS. Only for QoS-capable providers (OPT-9). */
export const SIO_GET_GROUP_QOS = 0xc8000008;
/** Set the socket's QoS. Only for QoS-capable providers (OPT-9). */
export const SIO_SET_QOS = 0x8800000b;
/** Set the socket group's QoS. Only for QoS-capable providers (OPT-9). */
export const SIO_SET_GROUP_QOS = 0x8800000c;
/** Which interface reaches a destination. TCP/IP's, never sent to a SAN provider. */
export const SIO_ROUTING_INTERFACE_QUERY = 0xc8000014;
/** Tell when the above changes. TCP/IP's, never sent to a SAN provider. */
export const SIO_ROUTING_INTERFACE_CHANGE = 0x88000015;
/**
 * The IP addresses of the provider's NICs. No input. Output: a `SOCKET_ADDRESS_LIST`, as of now (SP-13, ADDR-7…10,
 * OBS-43). Sent on a scratch socket (SW-14).
 */
export const SIO_ADDRESS_LIST_QUERY = 0x48000016;
/** Tell when the local addresses change. TCP/IP's; never sent to a SAN provider (ADDR-10, ADDR-11). */
export const SIO_ADDRESS_LIST_CHANGE = 0x28000017;
/** Sort addresses by preference. TCP/IP's, never sent to a SAN provider. */
export const SIO_ADDRESS_LIST_SORT = 0xc8000019;
