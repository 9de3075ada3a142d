import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  SETTINGS,
  SETTING_NAMES,
  describeConfigError,
  encodeItems,
  loadConfig,
  optionOf,
  variableOf,
} from '../../../src/config/index.js';
import { itemsOfText } from '../../../src/config/load.js';
import { RING_BYTES_MAX, RING_BYTES_MIN } from '../../../src/providers/shm/layout.js';
import type { Config, ConfigError, ConfigInput, SettingName } from '../../../src/config/index.js';

function load(input: Partial<ConfigInput>): Config {
  const result = loadConfig({ environment: {}, ...input });
  assert.ok(result.ok, result.ok ? '' : result.errors.map(describeConfigError).join('\n'));
  return result.config;
}

function errorsOf(input: Partial<ConfigInput>): readonly ConfigError[] {
  const result = loadConfig({ environment: {}, ...input });
  assert.ok(!result.ok, 'it was accepted');
  return result.errors;
}

function withFile(document: unknown): Partial<ConfigInput> {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  return { environment: { SOCKETS_DIRECT_CONFIG: '/etc/sd.json' }, readFile: () => text };
}

describe('the table', () => {
  test('gives every default when nothing is set', () => {
    const config = load({ environment: { PATH: '/bin', SOCKETSDIRECT: 'not ours' } });
    assert.deepEqual(config, {
      enabled: true,
      providers: ['shm', 'catalog'],
      catalog: null,
      include: [],
      exclude: [],
      allowedUids: [],
      spinLimitMicroseconds: 200,
      windowBytes: 4194304,
      ringBytes: 2097152,
      transfer: 'auto',
      transferThresholdBytes: 0,
      connectTimeoutMilliseconds: 50,
      exitFlushBytes: 67108864,
      driverMemoryBytes: 268435456,
      registrationCacheBytes: 67108864,
      cacheUserBuffers: false,
      log: 'off',
      config: null,
    });
  });

  test('derives the names of variables and options from one name', () => {
    assert.equal(variableOf('spinLimitMicroseconds'), 'SOCKETS_DIRECT_SPIN_LIMIT_MICROSECONDS');
    assert.equal(optionOf('allowedUids'), 'allowed-uids');
    assert.equal(variableOf('config'), 'SOCKETS_DIRECT_CONFIG');
  });

  test('has a default for each setting that its own type accepts', () => {
    for (const name of SETTING_NAMES) {
      if (SETTINGS[name].default === null) continue; // "no file", which nobody can write
      const { value, default: initial } = SETTINGS[name];
      const items = (value.format as (value: unknown) => readonly string[])(initial);
      assert.deepEqual(value.parse(items), { value: initial }, name);
    }
  });
});

describe('values', () => {
  const accepted: readonly (readonly [SettingName, string, unknown])[] = [
    ['enabled', 'off', false],
    ['enabled', '0', false],
    ['enabled', 'true', true],
    ['providers', 'catalog,shm,/opt/san/provider.mjs', ['catalog', 'shm', '/opt/san/provider.mjs']],
    ['catalog', '/etc/sockets-direct/providers.json', '/etc/sockets-direct/providers.json'],
    ['providers', ' shm , ', ['shm']],
    ['providers', '["/opt/a,b.mjs"]', ['/opt/a,b.mjs']],
    ['allowedUids', '0,1000,4294967294', [0, 1000, 4294967294]],
    ['spinLimitMicroseconds', '0', 0],
    ['spinLimitMicroseconds', '200', 200],
    ['windowBytes', '65536', 65536],
    ['windowBytes', '64MiB', 67108864],
    ['ringBytes', '512KiB', RING_BYTES_MIN],
    ['ringBytes', '16MiB', RING_BYTES_MAX],
    ['connectTimeoutMilliseconds', ' 10000 ', 10000],
    ['exitFlushBytes', '4MiB', 4194304],
    ['driverMemoryBytes', '1MiB', 1048576],
    ['registrationCacheBytes', '0', 0],
    ['cacheUserBuffers', 'on', true],
    ['log', 'debug', 'debug'],
  ];
  for (const [name, text, value] of accepted) {
    test(`${variableOf(name)}=${text} is accepted`, () => {
      assert.deepEqual(load({ environment: { [variableOf(name)]: text } })[name], value);
    });
  }

  const refused: readonly (readonly [SettingName, string, RegExp])[] = [
    ['enabled', 'yes', /on, off/],
    ['providers', 'smh', /shm, catalog, or the absolute path/],
    ['catalog', 'providers.json', /an absolute path/],
    ['providers', './provider.mjs', /absolute path/],
    ['providers', ',', /at least one/],
    ['include', 'port:65536', /0 to 65535/],
    ['exclude', 'localhost', /address:IP/],
    ['exclude', '[broken', /address:IP/],
    ['allowedUids', 'root', /0 to 4294967294/],
    ['allowedUids', '4294967295', /0 to 4294967294/],
    ['spinLimitMicroseconds', '201', /0 to 200/],
    ['spinLimitMicroseconds', '-1', /0 to 200/],
    ['spinLimitMicroseconds', '1e2', /0 to 200/],
    ['spinLimitMicroseconds', '0x10', /0 to 200/],
    ['windowBytes', '65535', /64KiB to 64MiB \(65536 to 67108864\)/],
    ['windowBytes', '64GiB', /64KiB to 64MiB/],
    ['windowBytes', '999999999999999MiB', /64KiB to 64MiB/],
    ['ringBytes', '524289', /power of two/],
    ['ringBytes', '256KiB', /512KiB to 16MiB/],
    ['ringBytes', '32MiB', /512KiB to 16MiB/],
    ['connectTimeoutMilliseconds', '0', /1 to 10000/],
    ['exitFlushBytes', '1', /4MiB to 1024MiB/],
    ['driverMemoryBytes', '64KiB', /1MiB to 16384MiB/],
    ['log', 'verbose', /off, error, info, debug/],
    ['config', 'sd.json', /an absolute path/],
  ];
  for (const [name, text, range] of refused) {
    test(`${variableOf(name)}=${text} is refused, with the value, the place and the range`, () => {
      const errors = errorsOf({ environment: { [variableOf(name)]: text } });
      assert.equal(errors.length, 1);
      assert.equal(errors[0].place, `variable ${variableOf(name)}`);
      assert.ok(text.includes(errors[0].value));
      assert.match(errors[0].allowed, range);
    });
  }

  test('an empty variable counts as not set', () => {
    assert.equal(load({ environment: { SOCKETS_DIRECT_WINDOW_BYTES: '' } }).windowBytes, 4194304);
  });

  test('only the bad items of a list are named', () => {
    const errors = errorsOf({ environment: { SOCKETS_DIRECT_EXCLUDE: '80,port:x,::1,10.0.0.0/33' } });
    assert.deepEqual(
      errors.map(({ value }) => value),
      ['port:x', '10.0.0.0/33'],
    );
  });

  test('a very long value is shortened in the message', () => {
    const [error] = errorsOf({ environment: { SOCKETS_DIRECT_LOG: 'x'.repeat(100_000) } });
    assert.ok(describeConfigError(error).length < 400);
  });
});

describe('layers', () => {
  test('options win over the environment, that over the file, that over the default', () => {
    const input: ConfigInput = {
      options: new Map([['log', ['debug']]]),
      environment: {
        SOCKETS_DIRECT_CONFIG: '/etc/sd.json',
        SOCKETS_DIRECT_LOG: 'info',
        SOCKETS_DIRECT_WINDOW_BYTES: '1MiB',
      },
      readFile: () => '{"log":"error","windowBytes":65536,"ringBytes":"2MiB"}',
    };
    const result = loadConfig(input);
    assert.ok(result.ok);
    assert.equal(result.config.log, 'debug');
    assert.equal(result.config.windowBytes, 1048576);
    assert.equal(result.config.ringBytes, 2097152);
    assert.equal(result.config.connectTimeoutMilliseconds, 50);
    assert.equal(result.sources.log, 'option');
    assert.equal(result.sources.windowBytes, 'environment');
    assert.equal(result.sources.ringBytes, 'file');
    assert.equal(result.sources.enabled, 'default');
  });

  test('an overridden bad value is still refused', () => {
    const errors = errorsOf({
      options: new Map([['log', ['debug']]]),
      environment: { SOCKETS_DIRECT_LOG: 'loud' },
    });
    assert.equal(errors.length, 1);
  });

  test('all problems of all layers are reported at once', () => {
    const errors = errorsOf({
      options: new Map([['ringBytes', ['3MiB']]]),
      environment: { SOCKETS_DIRECT_CONFIG: '/etc/sd.json', SOCKETS_DIRECT_LOG: 'loud', SOCKETS_DIRECT_COLOUR: 'red' },
      readFile: () => '{"windowBytes":1,"colour":"red"}',
    });
    assert.deepEqual(errors.map(({ place }) => place).sort(), [
      'key colour in /etc/sd.json',
      'key windowBytes in /etc/sd.json',
      'option --ring-bytes',
      'variable SOCKETS_DIRECT_COLOUR',
      'variable SOCKETS_DIRECT_LOG',
    ]);
  });

  test('unknown variables are refused with the known names, those of the installation are not', () => {
    const [error] = errorsOf({ environment: { SOCKETS_DIRECT_WINDOW: '1MiB', SOCKETS_DIRECT_SKIP_BUILD: '1' } });
    assert.equal(error.place, 'variable SOCKETS_DIRECT_WINDOW');
    assert.match(error.allowed, /SOCKETS_DIRECT_WINDOW_BYTES/);
    load({ environment: { SOCKETS_DIRECT_SKIP_BUILD: '1' } });
  });
});

describe('the file', () => {
  test('takes booleans, numbers, strings and arrays', () => {
    const config = load(
      withFile({
        enabled: false,
        providers: ['shm'],
        exclude: [5432, '8000-8999', 'address:::1'],
        allowedUids: [33],
        windowBytes: 131072,
        ringBytes: '2MiB',
      }),
    );
    assert.equal(config.enabled, false);
    assert.equal(config.exclude.length, 3);
    assert.deepEqual(config.allowedUids, [33]);
    assert.equal(config.windowBytes, 131072);
    assert.equal(config.config, '/etc/sd.json');
  });

  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['broken JSON', '{"log":', /a readable JSON file/],
    ['an array', [], /a JSON object/],
    ['null', null, /a JSON object/],
    ['a nested object', { log: { level: 'debug' } }, /off, error, info, debug/],
    ['a number in place of a word', { log: 3 }, /off, error, info, debug/],
    ['a boolean in place of a number', { windowBytes: true }, /64KiB/],
    ['a fraction', { connectTimeoutMilliseconds: 1.5 }, /1 to 10000/],
    ['null as a value', { windowBytes: null }, /64KiB/],
    ['two values for one', { windowBytes: [65536, 65536] }, /64KiB/],
    ['a list in a list', { exclude: [[80]] }, /port:N/],
    ['a file in the file', { config: '/etc/other.json' }, /one of enabled/],
    ['a prototype key', '{"__proto__":{"log":"debug"}}', /one of enabled/],
  ];
  for (const [what, document, allowed] of bad) {
    test(`${what} is refused`, () => {
      const errors = errorsOf(withFile(document));
      assert.equal(errors.length, 1);
      assert.match(errors[0].allowed, allowed);
    });
  }

  test('is really read, and what cannot be read is refused with the reason', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sockets-direct-config-'));
    try {
      const path = join(folder, 'sd.json');
      writeFileSync(path, '{"log":"info"}');
      assert.equal(load({ environment: { SOCKETS_DIRECT_CONFIG: path } }).log, 'info');
      const huge = join(folder, 'huge.json');
      writeFileSync(huge, Buffer.alloc(1024 * 1024 + 1, 32));
      mkdirSync(join(folder, 'directory'));
      for (const [file, why] of [
        ['missing.json', /ENOENT/],
        ['directory', /not a regular file/],
        ['huge.json', /larger than/],
      ] as const) {
        const [error] = errorsOf({ environment: { SOCKETS_DIRECT_CONFIG: join(folder, file) } });
        assert.equal(error.place, 'configuration file');
        assert.match(error.allowed, why);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('items in a variable', () => {
  for (const items of [[], ['a'], ['a', 'b'], ['a,b', 'c'], ['[a'], [' a'], ['', 'a']]) {
    test(`${JSON.stringify(items)} comes back as it was`, () => {
      assert.deepEqual(itemsOfText(encodeItems(items, true), true), items);
    });
  }
});
