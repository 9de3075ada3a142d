/**
 * The table of settings. Everything about a setting comes from here: its names, how it is read and checked, its line in
 * `--help` and its row in docs/CONFIGURATION.md (a test holds that page equal to this table).
 */
import { FILTER_RANGE, readRule, writeRule } from './filters.js';
import type { FilterRule } from './filters.js';
import { isAbsolute } from 'node:path';
import { absolutePath, bytes, integer, listOf, oneOf, onOff, readUid } from './value-types.js';
import type { ValueType } from './value-types.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** How much the debug log says; each level includes the one before it. */
export const LOG_LEVELS = ['off', 'error', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How large writes travel: as the provider prefers, or always in one way (D7). */
export const TRANSFER_MODES = ['auto', 'pull', 'push', 'copy'] as const;
export type TransferMode = (typeof TRANSFER_MODES)[number];

/** SAN service providers that come with the package. */
export const BUILT_IN_PROVIDERS: readonly string[] = ['shm'];

/** The word among the providers that stands for those of the catalog file. */
const CATALOG_PROVIDERS = 'catalog';

/** The effective configuration of one process. */
export interface Config {
  readonly enabled: boolean;
  /** Built-in names, `catalog`, or absolute paths of modules that export WSPStartupEx, in order of preference. */
  readonly providers: readonly string[];
  /** The file of installed providers; null: in the user's configuration directory. */
  readonly catalog: string | null;
  readonly include: readonly FilterRule[];
  readonly exclude: readonly FilterRule[];
  /** User ids other than our own whose processes may pair with us (D5). */
  readonly allowedUids: readonly number[];
  readonly spinLimitMicroseconds: number;
  readonly windowBytes: number;
  readonly ringBytes: number;
  readonly transfer: TransferMode;
  readonly transferThresholdBytes: number;
  readonly connectTimeoutMilliseconds: number;
  readonly exitFlushBytes: number;
  readonly driverMemoryBytes: number;
  readonly registrationCacheBytes: number;
  readonly cacheUserBuffers: boolean;
  readonly log: LogLevel;
  /** The file that was read, null when there was none. */
  readonly config: string | null;
}

export type SettingName = keyof Config;

/** One row of the table. */
export interface Setting<T> {
  readonly value: ValueType<T>;
  readonly default: T;
  /** What it does and when to change it: one or two sentences. */
  readonly meaning: string;
}

export const SETTINGS: { readonly [Name in SettingName]: Setting<Config[Name]> } = {
  enabled: {
    value: onOff(),
    default: true,
    meaning:
      'Whether the switch routes at all. When off, every connection stays on TCP and the process still answers `ss`.',
  },
  providers: {
    value: listOf({
      type: 'list of names or paths',
      range: `${[...BUILT_IN_PROVIDERS, CATALOG_PROVIDERS].join(', ')}, or the absolute path of a provider module; at least one`,
      mayBeEmpty: false,
      parse: (text) =>
        BUILT_IN_PROVIDERS.includes(text) || text === CATALOG_PROVIDERS || isAbsolute(text) ? text : undefined,
      format: (value: string) => value,
    }),
    default: ['shm', CATALOG_PROVIDERS],
    meaning:
      'SAN service providers, in order of preference. `catalog` stands for those that `sockets-direct providers` has installed.',
  },
  catalog: {
    value: absolutePath(),
    default: null,
    meaning:
      'The file of installed providers. If not set: `sockets-direct/providers.json` in `$XDG_CONFIG_HOME`, or in `~/.config`.',
  },
  include: {
    value: listOf({
      type: 'list of rules',
      range: FILTER_RANGE,
      mayBeEmpty: true,
      parse: readRule,
      format: writeRule,
    }),
    default: [],
    meaning: 'Only what matches may leave TCP. Empty: everything may.',
  },
  exclude: {
    value: listOf({
      type: 'list of rules',
      range: FILTER_RANGE,
      mayBeEmpty: true,
      parse: readRule,
      format: writeRule,
    }),
    default: [],
    meaning: 'What matches stays on TCP. Wins over `include`.',
  },
  allowedUids: {
    value: listOf({
      type: 'list of user ids',
      range: 'numeric user ids, 0 to 4294967294',
      mayBeEmpty: true,
      parse: readUid,
      format: (value: number) => String(value),
    }),
    default: [],
    meaning:
      'Other users whose processes may pair with this one. Both sides must allow each other. Empty: only the same user.',
  },
  spinLimitMicroseconds: {
    value: integer(0, 200),
    default: 200,
    meaning:
      'Longest time the event loop polls for an answer before it sleeps; 0 never polls. It adapts below this limit, and is 0 on one core or with a CPU quota below two.',
  },
  windowBytes: {
    value: bytes(64 * KIB, 64 * MIB),
    default: 4 * MIB,
    meaning: 'Bytes one connection may have in flight in each direction before its writer is held back.',
  },
  ringBytes: {
    value: bytes(512 * KIB, 16 * MIB, true),
    default: 2 * MIB,
    meaning:
      'Shared memory per direction of a link (a pair of processes or threads), however many connections it carries.',
  },
  transfer: {
    value: oneOf(TRANSFER_MODES),
    default: 'auto',
    meaning:
      'How writes above the threshold travel: `pull`, the receiver reads them out of the sender’s memory; `push`, the sender writes them into the receiver’s; `copy`, in messages like all others; `auto`, as the provider prefers. What one side does not offer is not used: `ss` shows what is.',
  },
  transferThresholdBytes: {
    value: bytes(0, 1024 * MIB),
    default: 0,
    meaning: 'Writes of more bytes than this are pulled or pushed. 0: the provider’s own preference.',
  },
  connectTimeoutMilliseconds: {
    value: integer(1, 10000),
    default: 50,
    meaning: 'How long a listener may take to answer on the SAN before the connection is made by TCP instead.',
  },
  exitFlushBytes: {
    value: bytes(4 * MIB, 1024 * MIB),
    default: 64 * MIB,
    meaning:
      'Most bytes of pending writes that a process which exits normally leaves in memory for the peers of one link.',
  },
  driverMemoryBytes: {
    value: bytes(MIB, 16 * 1024 * MIB),
    default: 256 * MIB,
    meaning:
      'Most bytes that providers may have allocated through the proxy driver at a time. Links of the shm provider do not count.',
  },
  registrationCacheBytes: {
    value: bytes(0, 16 * 1024 * MIB),
    default: 64 * MIB,
    meaning:
      'Most bytes of memory that a provider which pins memory keeps pinned and registered after its use; 0 keeps none. The shm provider pins nothing.',
  },
  cacheUserBuffers: {
    value: onOff(),
    default: false,
    meaning:
      'Whether such a provider may also keep memory of the program, and not only what the proxy driver allocated. For shared memory that the program maps itself.',
  },
  log: {
    value: oneOf(LOG_LEVELS),
    default: 'off',
    meaning: 'What to write to stderr. `NODE_DEBUG=sockets-direct` is the same as `debug`.',
  },
  config: {
    value: absolutePath(),
    default: null,
    meaning: 'A JSON file with settings under the names in this table.',
  },
};

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** Every environment variable of ours begins like this; unknown ones are refused. */
export const VARIABLE_PREFIX = 'SOCKETS_DIRECT_';

/** Variables with our prefix that are not settings: they speak to the package's installation and may linger in an image. */
export const OTHER_VARIABLES: readonly string[] = ['SOCKETS_DIRECT_SKIP_BUILD'];

/** `windowBytes` → `SOCKETS_DIRECT_WINDOW_BYTES`. */
export function variableOf(name: SettingName): string {
  return VARIABLE_PREFIX + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** `windowBytes` → `window-bytes`, the option of `sockets-direct run` without its dashes. */
export function optionOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The key in the JSON file; null for the setting that names the file itself. */
export function fileKeyOf(name: SettingName): string | null {
  return name === 'config' ? null : name;
}
