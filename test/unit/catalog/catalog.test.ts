import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Catalog } from '../../../src/catalog/index.js';
import {
  createOverlapped,
  makeProtocolInfo,
  NULL_HANDLE,
  PFL_HIDDEN,
  type ProviderModule,
  SOCKET_ERROR,
  WSA_INVALID_HANDLE,
  WSA_IO_PENDING,
  WSAEFAULT,
  WSAEINVAL,
  WSANO_RECOVERY,
  type WSAPROTOCOL_INFOW,
} from '../../../src/spi/index.js';

const ONE = '11111111-2222-4333-8444-555555555555';
const TWO = 'abcdefab-2222-4333-8444-555555555555';
const errno = { value: 0 };

const info = (id: string, name = 'one') => makeProtocolInfo({ ProviderId: id, szProtocol: name });
const load = (): ProviderModule => assert.fail('nothing is loaded by installing it');

function installed(...ids: string[]): Catalog {
  const catalog = new Catalog();
  for (const id of ids) assert.equal(catalog.WSCInstallProvider(id, `/${id}`, load, [info(id)], errno), 0);
  return catalog;
}

describe('the catalog', () => {
  test('gives entries an id and enumerates all protocols, hidden ones too', () => {
    const catalog = installed(ONE, TWO);
    const list: WSAPROTOCOL_INFOW[] = [info(ONE, 'left over')];
    assert.equal(catalog.WSCEnumProtocols(list), 2);
    assert.deepEqual(
      list.map(({ ProviderId }) => ProviderId),
      [ONE, TWO.toUpperCase()],
    );
    assert.ok(list.every(({ dwProviderFlags }) => (dwProviderFlags & PFL_HIDDEN) !== 0));
    const ids = list.map(({ dwCatalogEntryId }) => dwCatalogEntryId);
    assert.ok(ids.every((id) => id > 0) && ids[0] !== ids[1]);
  });

  test('does not share what it is given', () => {
    const catalog = new Catalog();
    const given = info(ONE);
    catalog.WSCInstallProvider(ONE, '', load, [given], errno);
    given.szProtocol = 'changed';
    assert.equal(catalog.entry(ONE)?.info.szProtocol, 'one');
  });

  test('refuses what is no provider', () => {
    const catalog = installed(ONE);
    const install = (id: string, list: WSAPROTOCOL_INFOW[]) => {
      errno.value = 0;
      return [catalog.WSCInstallProvider(id, '', load, list, errno), errno.value];
    };
    assert.deepEqual(install('nonsense', [info(TWO)]), [SOCKET_ERROR, WSAEFAULT]);
    assert.deepEqual(install(TWO, []), [SOCKET_ERROR, WSAEFAULT]);
    assert.deepEqual(install(TWO, [info(ONE)]), [SOCKET_ERROR, WSAEINVAL]);
    assert.deepEqual(install(ONE, [info(ONE)]), [SOCKET_ERROR, WSANO_RECOVERY], 'installed already (OBS-5)');
    assert.deepEqual(install(`{${ONE}}`, [info(ONE)]), [SOCKET_ERROR, WSANO_RECOVERY]);
  });

  test('removes a provider from the list TCP on SAN as well (OBS-5)', () => {
    const catalog = installed(ONE, TWO);
    catalog.addToSanList(ONE);
    catalog.addToSanList(TWO);
    assert.equal(catalog.WSCDeinstallProvider(ONE, errno), 0);
    assert.deepEqual(catalog.sanList(), [TWO.toUpperCase()]);
    assert.equal(catalog.entry(ONE), null);
    assert.equal(catalog.WSCDeinstallProvider(ONE, errno), SOCKET_ERROR);
    assert.equal(errno.value, WSAEFAULT);
    assert.equal(catalog.WSCDeinstallProvider('nonsense', errno), SOCKET_ERROR);
  });
});

describe('the list TCP on SAN (SP-18)', () => {
  test('keeps the order, each provider once', () => {
    const catalog = installed(ONE, TWO);
    assert.equal(catalog.addToSanList(TWO), true);
    assert.equal(catalog.addToSanList(ONE), true);
    assert.equal(catalog.addToSanList(TWO.toUpperCase()), true);
    assert.deepEqual(catalog.sanList(), [TWO.toUpperCase(), ONE]);
  });

  test('takes only what is installed', () => {
    const catalog = installed(ONE);
    assert.equal(catalog.addToSanList(TWO), false);
    assert.equal(catalog.addToSanList('nonsense'), false);
    assert.deepEqual(catalog.sanList(), []);
  });
});

describe('change notices (SW-19, SW-22)', () => {
  const watch = () => {
    const catalog = new Catalog();
    const handle = { value: NULL_HANDLE };
    assert.equal(
      catalog.WSAProviderConfigChange(handle, createOverlapped(), () => assert.fail('completes at once'), errno),
      0,
    );
    assert.notEqual(handle.value, NULL_HANDLE);
    const fired: number[] = [];
    const arm = () => {
      const overlapped = createOverlapped();
      const result = catalog.WSAProviderConfigChange(handle, overlapped, (of) => fired.push(of.Internal), errno);
      return result === 0 ? 'changed' : errno.value === WSA_IO_PENDING ? 'armed' : errno.value;
    };
    const install = (id = ONE) => catalog.WSCInstallProvider(id, '', load, [info(id)], errno);
    return { catalog, handle, fired, arm, install };
  };

  test('an armed notice fires at the next change, once', () => {
    const { arm, fired, install, catalog } = watch();
    assert.equal(arm(), 'armed');
    assert.deepEqual(fired, []);
    install();
    assert.deepEqual(fired, [0]);
    catalog.addToSanList(ONE);
    assert.deepEqual(fired, [0]);
  });

  test('a change while no notice was armed is not missed', () => {
    const { arm, fired, install } = watch();
    install();
    assert.equal(arm(), 'changed');
    assert.equal(arm(), 'armed');
    assert.deepEqual(fired, []);
  });

  test('a routine may arm the next notice', () => {
    const { catalog, handle, install } = watch();
    let count = 0;
    const again = (): void => {
      count++;
      catalog.WSAProviderConfigChange(handle, createOverlapped(), again, errno);
    };
    catalog.WSAProviderConfigChange(handle, createOverlapped(), again, errno);
    install(ONE);
    install(TWO);
    assert.equal(count, 2);
  });

  test('a handle that is closed, or was never given, is invalid', () => {
    const { catalog, handle, arm, fired, install } = watch();
    assert.equal(arm(), 'armed');
    catalog.closeNotificationHandle(handle.value);
    install();
    assert.deepEqual(fired, []);
    assert.equal(arm(), WSA_INVALID_HANDLE);
  });
});
