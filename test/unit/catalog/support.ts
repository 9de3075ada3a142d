/** Catalog files for tests, in folders of their own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeProtocolInfo, type WSAPROTOCOL_INFOW } from '../../../src/spi/index.js';
import type { Installation } from '../../../src/catalog/edit.js';

export const ONE = '11111111-2222-4333-8444-555555555555';
export const TWO = 'ABCDEFAB-2222-4333-8444-555555555555';

export const info = (id = ONE, fields: Partial<WSAPROTOCOL_INFOW> = {}): WSAPROTOCOL_INFOW =>
  makeProtocolInfo({ ProviderId: id, szProtocol: 'one', ...fields });

/** A catalog file that is not there yet, in a directory that is not there either; gone after the test. */
export function catalogPath(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-catalog-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'sockets-direct', 'providers.json');
}

export function installation(id = ONE, fields: Partial<Installation> = {}): Installation {
  return { path: `/srv/${id}.cjs`, id, name: id, protocols: [info(id)], first: false, ...fields };
}
