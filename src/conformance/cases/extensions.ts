/** Extension functions by GUID (SP-9, OPT-10). */
import {
  guidToBytes,
  parseGuid,
  SAN_EXTENSIONS,
  WSAEINVAL,
  WSAEOPNOTSUPP,
  WSAID_ACCEPTEX,
  WSAID_GETACCEPTEXSOCKADDRS,
  WSAID_MEMORYREGISTRATIONCACHECALLBACK,
  WSAID_RDMAREAD,
  WSAID_REGISTERMEMORY,
  WSAID_SD_OWNEDRECEIVE,
  WSAID_TRANSMITFILE,
} from '../../spi/index.js';
import type { Bench } from '../bench.js';
import { topic } from '../case.js';

/** The answer for an optional extension must be what the manifest says. */
function claimed(bench: Bench, guid: string, claim: boolean, name: string): void {
  const { code, value } = bench.client.extension(guid);
  if (claim) {
    bench.code(code, 0, `${name}, which the manifest claims`);
    bench.equal(typeof value, 'function', name);
  } else bench.code(code, WSAEOPNOTSUPP, `${name}, which the manifest does not claim`);
}

export const EXTENSIONS = topic('extensions', [
  {
    name: 'the five extensions that must exist are answered with functions (SP-9)',
    run(bench) {
      for (const { name, guid, required } of SAN_EXTENSIONS) {
        if (!required) continue;
        const { code, value } = bench.client.extension(guid);
        bench.code(code, 0, name);
        bench.equal(typeof value, 'function', name);
      }
    },
  },
  {
    name: 'WSPRdmaRead is answered as the manifest says, if not offered with WSAEOPNOTSUPP (SP-9, ERR-1)',
    run: (bench) => claimed(bench, WSAID_RDMAREAD, bench.manifest.rdmaRead, 'WSPRdmaRead'),
  },
  {
    name: 'the cache callback is answered as the manifest says, if not offered with WSAEOPNOTSUPP (SP-10, CACHE-16, ERR-1)',
    run(bench) {
      const { memoryRegistrationCache } = bench.manifest;
      claimed(bench, WSAID_MEMORYREGISTRATIONCACHECALLBACK, memoryRegistrationCache, 'the cache callback');
    },
  },
  {
    name: 'owned receive is answered as the manifest says (SP-9)',
    run(bench) {
      const { code, value } = bench.client.extension(WSAID_SD_OWNEDRECEIVE);
      if (!bench.manifest.ownsReceiveBuffers) {
        bench.code(code, [WSAEOPNOTSUPP, WSAEINVAL], 'owned receive, which the manifest does not claim');
        return;
      }
      bench.code(code, 0, 'owned receive, which the manifest claims');
      const functions = value as Record<string, unknown>;
      for (const name of [
        'SdpSetReceiver',
        'SdpSetConsumed',
        'SdpPeerConsumed',
        'SdpBeginExit',
        'SdpEndExit',
        'SdpPeerOf',
      ]) {
        bench.equal(typeof functions[name], 'function', name);
      }
    },
  },
  {
    name: 'a GUID is understood as text, as bytes and as a structure (OPT-10)',
    run(bench) {
      const { value: byText } = bench.client.extension(WSAID_REGISTERMEMORY.toLowerCase());
      const guid = bench.some(parseGuid(WSAID_REGISTERMEMORY), 'not a GUID');
      bench.equal(bench.client.extension(guid).value, byText, 'the structure');
      bench.equal(bench.client.extension(guidToBytes(guid)).value, byText, 'the bytes');
      bench.equal(typeof byText, 'function', 'the text');
    },
  },
  {
    name: 'test vector: the socket is not looked at when an extension is asked for (OBS-1)',
    run(bench) {
      const s = bench.socket(bench.client);
      const { value } = bench.client.extension(WSAID_REGISTERMEMORY, s);
      bench.equal(bench.client.extension(WSAID_REGISTERMEMORY, -1).value, value, 'asked on an invalid socket');
      bench.equal(bench.client.extension(WSAID_REGISTERMEMORY, 0x7ffffff0).value, value, 'asked on an unknown socket');
      bench.equal(typeof value, 'function', 'asked on a socket');
    },
  },
  {
    name: 'test vector: an unknown GUID, and what is none, fails with WSAEINVAL (OBS-2)',
    run(bench) {
      bench.code(bench.client.extension('7B8A2F40-0000-4000-8000-000000000001').code, WSAEINVAL, 'an unknown GUID');
      for (const input of ['no guid', null, 5, {}, new Uint8Array(3)]) {
        bench.code(bench.client.extension(input).code, WSAEINVAL, `a ${typeof input} that is no GUID`);
      }
    },
  },
  {
    name: 'the extensions that the switch serves itself are not a provider’s (EXT-1)',
    run(bench) {
      for (const guid of [WSAID_TRANSMITFILE, WSAID_ACCEPTEX, WSAID_GETACCEPTEXSOCKADDRS]) {
        bench.code(bench.client.extension(guid).code, WSAEINVAL, guid);
      }
    },
  },
]);
