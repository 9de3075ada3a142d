import { rmSync } from 'node:fs';
import { after } from 'node:test';
import { writeCertificate } from '../../out/test/support/certificate.js';
import { packageTest } from './support/package-test.mjs';

const tls = writeCertificate();
after(() => rmSync(tls, { recursive: true }));
packageTest('nodemailer', ['nodemailer', 'smtp-server'], {
  programs: ['smtp-server.mjs', 'nodemailer-client.mjs'],
  parameters: { tls },
});
