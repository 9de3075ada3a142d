/**
 * What a provider says about itself: `WSAPROTOCOL_INFOW`, its flags, and `WSPDATA`. [HDR: winsock2.h, ws2spi.h]
 */

import { AF_INET, IPPROTO_TCP, SOCK_STREAM, SOCKADDR_IN_SIZE } from './address.js';
import type { GuidText } from './guid.js';

/** Service flag: connectionless. A SAN provider never sets it (SP-20). */
export const XP1_CONNECTIONLESS = 0x00000001;
/** Service flag: what is sent arrives, or the connection breaks. */
export const XP1_GUARANTEED_DELIVERY = 0x00000002;
/** Service flag: what arrives is in order, without duplicates. */
export const XP1_GUARANTEED_ORDER = 0x00000004;
/** Service flag: message boundaries are kept. True of a SAN provider's sends (OBS-5). */
export const XP1_MESSAGE_ORIENTED = 0x00000008;
/** Service flag: message oriented, but receives ignore the boundaries. */
export const XP1_PSEUDO_STREAM = 0x00000010;
/** Service flag: graceful close. */
export const XP1_GRACEFUL_CLOSE = 0x00000020;
/** Service flag: urgent data. */
export const XP1_EXPEDITED_DATA = 0x00000040;
/**
 * Service flag: connect data. The provider carries caller data with the request and callee data with the answer; if it owns
 * its receive buffers too, the switch negotiates the session in them (SESS-2, SESS-5) instead of in messages after the connect.
 */
export const XP1_CONNECT_DATA = 0x00000080;
/** Service flag: disconnect data. */
export const XP1_DISCONNECT_DATA = 0x00000100;
/** Service flag: broadcast. */
export const XP1_SUPPORT_BROADCAST = 0x00000200;
/** Service flag: multipoint. */
export const XP1_SUPPORT_MULTIPOINT = 0x00000400;
/** Service flag: the multipoint control plane is rooted. */
export const XP1_MULTIPOINT_CONTROL_PLANE = 0x00000800;
/** Service flag: the multipoint data plane is rooted. */
export const XP1_MULTIPOINT_DATA_PLANE = 0x00001000;
/** Service flag: quality of service is supported (SP-20, SP-21, OPT-8, OPT-9). */
export const XP1_QOS_SUPPORTED = 0x00002000;
/** Service flag: reserved ("interrupt"). */
export const XP1_INTERRUPT = 0x00004000;
/** Service flag: unidirectional, sending. */
export const XP1_UNI_SEND = 0x00008000;
/** Service flag: unidirectional, receiving. */
export const XP1_UNI_RECV = 0x00010000;
/** Service flag: descriptors are file handles. Not with `WPUCreateSocketHandle`, so not for a SAN provider (SP-20). */
export const XP1_IFS_HANDLES = 0x00020000;
/** Service flag: `MSG_PARTIAL` is supported. */
export const XP1_PARTIAL_MESSAGE = 0x00040000;
/** Service flag: the SAN speaks SDP (reference 4.7). */
export const XP1_SAN_SUPPORT_SDP = 0x00080000;

/** Provider flag: this provider has several protocol entries. */
export const PFL_MULTIPLE_PROTO_ENTRIES = 0x00000001;
/** Provider flag: this entry is the recommended one. */
export const PFL_RECOMMENDED_PROTO_ENTRY = 0x00000002;
/** Provider flag: hidden from programs. Required of a SAN provider (SP-17). */
export const PFL_HIDDEN = 0x00000004;
/** Provider flag: protocol 0 means this one. */
export const PFL_MATCHES_PROTOCOL_ZERO = 0x00000008;
/** Provider flag: a Network Direct provider. */
export const PFL_NETWORKDIRECT_PROVIDER = 0x00000010;

/** Longest protocol chain. */
export const MAX_PROTOCOL_CHAIN = 7;
/** `ChainLen` of a base provider; what a SAN provider is installed as (SP-16). */
export const BASE_PROTOCOL = 1;
/** `ChainLen` of a layered provider. */
export const LAYERED_PROTOCOL = 0;
/** Longest `szProtocol`, in UTF-16 units, without the terminator. */
export const WSAPROTOCOL_LEN = 255;
/** Longest `szDescription`, in UTF-16 units, without the terminator (SP-6). */
export const WSPDESCRIPTION_LEN = 255;
/** `iNetworkByteOrder`: big endian. */
export const BIGENDIAN = 0x0000;
/** `iNetworkByteOrder`: little endian. */
export const LITTLEENDIAN = 0x0001;
/** `iSecurityScheme`: none. */
export const SECURITY_PROTOCOL_NONE = 0x0000;

/** The chain of providers a protocol consists of; only the first `ChainLen` entries count. */
export interface WSAPROTOCOLCHAIN {
  ChainLen: number;
  /** Catalog entry ids, {@link MAX_PROTOCOL_CHAIN} of them. */
  ChainEntries: number[];
}

/**
 * A protocol of a provider. In `WSPStartupEx` the switch passes the TCP/IP provider's, which tells a SAN provider that
 * the switch is loading it (SW-12, SP-3). In `WSPSocket`, `dwProviderReserved` != 0 asks to attach to a socket that was
 * duplicated from another process (SOCK-11, DUP-24). [REF ff565963]
 */
export interface WSAPROTOCOL_INFOW {
  /** `XP1_*`. */
  dwServiceFlags1: number;
  /** Reserved, 0. */
  dwServiceFlags2: number;
  /** Reserved, 0. */
  dwServiceFlags3: number;
  /** Reserved, 0. */
  dwServiceFlags4: number;
  /** `PFL_*`. */
  dwProviderFlags: number;
  /** Identifies the provider (SP-18). Canonical text. */
  ProviderId: GuidText;
  /** Given by the catalog; 0 before. */
  dwCatalogEntryId: number;
  ProtocolChain: WSAPROTOCOLCHAIN;
  /** Protocol version; 2 for TCP/IP (OBS-5). */
  iVersion: number;
  iAddressFamily: number;
  /** Bytes. */
  iMaxSockAddr: number;
  /** Bytes. */
  iMinSockAddr: number;
  iSocketType: number;
  iProtocol: number;
  iProtocolMaxOffset: number;
  iNetworkByteOrder: number;
  iSecurityScheme: number;
  /** Largest message in bytes; 0 = stream, 0xFFFFFFFF = no limit. */
  dwMessageSize: number;
  /** See DUP-22; 0 otherwise. */
  dwProviderReserved: number;
  /** At most {@link WSAPROTOCOL_LEN} UTF-16 units. */
  szProtocol: string;
}

/** What `WSPStartupEx` reports back (SP-6). */
export interface WSPDATA {
  /** The SPI version the switch shall use. */
  wVersion: number;
  /** Unused (SP-6); set it as `wVersion`. */
  wHighVersion: number;
  /** Name for people, at most {@link WSPDESCRIPTION_LEN} UTF-16 units, no control characters. */
  szDescription: string;
}

/** Makes an empty {@link WSPDATA} for `WSPStartupEx` to fill. */
export function createWspData(): WSPDATA {
  return { wVersion: 0, wHighVersion: 0, szDescription: '' };
}

/**
 * Makes a SAN provider's {@link WSAPROTOCOL_INFOW}: the values such providers are installed with (OBS-5: reliable,
 * ordered, message oriented, graceful close; hidden; base provider; IP stream; TCP), changed by `fields`.
 * `ProviderId` and `szProtocol` have no default. Add `XP1_CONNECT_DATA` if the provider carries connect data.
 */
export function makeProtocolInfo(
  fields: Partial<WSAPROTOCOL_INFOW> & Pick<WSAPROTOCOL_INFOW, 'ProviderId' | 'szProtocol'>,
): WSAPROTOCOL_INFOW {
  return {
    dwServiceFlags1: XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_MESSAGE_ORIENTED | XP1_GRACEFUL_CLOSE,
    dwServiceFlags2: 0,
    dwServiceFlags3: 0,
    dwServiceFlags4: 0,
    dwProviderFlags: PFL_HIDDEN,
    dwCatalogEntryId: 0,
    ProtocolChain: { ChainLen: BASE_PROTOCOL, ChainEntries: new Array<number>(MAX_PROTOCOL_CHAIN).fill(0) },
    iVersion: 2,
    iAddressFamily: AF_INET,
    iMaxSockAddr: SOCKADDR_IN_SIZE,
    iMinSockAddr: SOCKADDR_IN_SIZE,
    iSocketType: SOCK_STREAM,
    iProtocol: IPPROTO_TCP,
    iProtocolMaxOffset: 0,
    iNetworkByteOrder: BIGENDIAN,
    iSecurityScheme: SECURITY_PROTOCOL_NONE,
    dwMessageSize: 0xffffffff,
    dwProviderReserved: 0,
    ...fields,
  };
}
