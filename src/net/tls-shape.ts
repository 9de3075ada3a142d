/**
 * What Node's `TLSWrap` can do, sorted by what it means for one that is to be exchanged before its connection is there
 * (tls-overlay.ts). A Node that has a member which is not on these lists keeps its TLS clients on TCP.
 */

/** Settings: made on the old one, they are made again on the new one, in the same order. */
export const TLS_SETTINGS = [
  'enableALPNCb',
  'enableCertCb',
  'enableKeylogCallback',
  'enablePskCallback',
  'enableSessionCallbacks',
  'enableTrace',
  'requestOCSP',
  'setALPNProtocols',
  'setKeyCert',
  'setMaxSendFragment',
  'setOCSPResponse',
  'setPskIdentityHint',
  'setServername',
  'setSession',
  'setVerifyMode',
] as const;

/** What sets the state machine going, or ends it: from then on there is no exchange. */
export const TLS_STEPS = [
  'certCbDone',
  'clientHelloDone',
  'destroySSL',
  'endParser',
  'loadSession',
  'newSessionDone',
  'receive',
  'renegotiate',
  'start',
  'writesIssuedByPrevListenerDone',
] as const;

/** Questions, which change nothing. */
const QUESTIONS = [
  'exportKeyingMaterial',
  'getALPNNegotiatedProtocol',
  'getCertificate',
  'getCipher',
  'getEphemeralKeyInfo',
  'getFinished',
  'getPeerCertificate',
  'getPeerFinished',
  'getPeerX509Certificate',
  'getProtocol',
  'getServername',
  'getSession',
  'getSharedSigalgs',
  'getTLSTicket',
  'getX509Certificate',
  'hasPeerCertificate',
  'isSessionReused',
  'verifyError',
];

/** A stream's own. `net` calls them once it is connected; the buffer of an `onread` option it keeps itself. */
const STREAM = [
  '_externalStream',
  'bytesRead',
  'bytesWritten',
  'constructor',
  'fd',
  'isStreamBase',
  'onread',
  'readStart',
  'readStop',
  'shutdown',
  'useUserBuffer',
  'writeAsciiString',
  'writeBuffer',
  'writeLatin1String',
  'writeQueueSize',
  'writeUcs2String',
  'writeUtf8String',
  'writev',
];

/** What `tls` adds when it is loaded: all of it goes on to the handle underneath. */
const HANDED_ON = [
  'bind',
  'bind6',
  'close',
  'connect',
  'connect6',
  'getpeername',
  'getsockname',
  'listen',
  'open',
  'ref',
  'setBlocking',
  'setKeepAlive',
  'setNoDelay',
  'setPendingInstances',
  'setSimultaneousAccepts',
  'unref',
];

const KNOWN: ReadonlySet<PropertyKey> = new Set([
  ...TLS_SETTINGS,
  ...TLS_STEPS,
  ...QUESTIONS,
  ...STREAM,
  ...HANDED_ON,
  Symbol.toStringTag,
]);

/** Without these there is no client to set up. */
const NEEDED = ['destroySSL', 'setServername', 'setSession', 'setVerifyMode', 'start', 'useUserBuffer'];

/** The first member of a `TLSWrap` that is not known, or is missing; null: this Node's TLS is known. */
export function unknownInTls(prototype: object | undefined): string | null {
  if (typeof prototype !== 'object') return 'TLSWrap';
  const own = Reflect.ownKeys(prototype);
  const unknown = own.find((key) => !KNOWN.has(key)) ?? NEEDED.find((key) => !own.includes(key));
  return unknown === undefined ? null : `TLSWrap.prototype.${String(unknown)}`;
}
