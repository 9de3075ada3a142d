// What TLS makes of a chunk: as on TCP, where no callback is around it (D1).
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { writeCertificate } from '../support/certificate.js';
import { plainOnly, Program } from '../support/program.js';
import { assertSan } from '../support/routes.js';

const certificate = writeCertificate();
after(() => rmSync(certificate, { recursive: true, force: true }));

test('TLS: records that throw, and a write while what had waited is delivered', { skip: plainOnly }, async () => {
  const parameters = { tls: certificate };
  const baseline = await new Program('tls-chunks.mjs', { switching: 'off', parameters }).succeeded();
  const { log, routes } = await new Program('tls-chunks.mjs', { switching: 'require', parameters }).succeeded();
  assert.equal(baseline.log.facts['received'], 1_000_000);
  assert.deepEqual(log.facts, baseline.log.facts);
  assertSan(routes, 'process');
});
