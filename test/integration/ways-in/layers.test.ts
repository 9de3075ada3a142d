// What is put on a socket that is there already (issue: every way in is covered; D1).
import { rmSync } from 'node:fs';
import { after } from 'node:test';
import { writeCertificate } from '../../support/certificate.js';
import { waysIn } from '../../support/ways-in.js';

const tls = writeCertificate();
after(() => rmSync(tls, { recursive: true, force: true }));

waysIn('layers over a socket', {
  file: 'layers.mjs',
  parameters: { tls },
  cases: {
    'new tls.TLSSocket(socket)': 'san',
    'tls.connect({ socket })': 'san',
    STARTTLS: 'san',
    'TLS on a stream over a socket': 'san',
    'TLS in TLS': 'san',
    'a tls.Server that is given a socket': 'san',
    'an http.Server that is given a socket': 'san',
    'HTTP/2 over a given socket': 'san',
  },
});
