/**
 * From options, environment and file to one configuration: command line options win over environment variables, those
 * over the file, the file over the defaults. Every layer is checked whole, also where a higher one overrides it, and all
 * problems are reported at once. Never throws and never prints: the preload must do neither (the caller turns a failure
 * into the reason `bad-configuration`; the CLI prints it).
 */
import { readFileSync, statSync } from 'node:fs';
import {
  OTHER_VARIABLES,
  SETTING_NAMES,
  SETTINGS,
  VARIABLE_PREFIX,
  fileKeyOf,
  optionOf,
  variableOf,
} from './settings.js';
import type { Config, SettingName } from './settings.js';

/** One refused value, name or file. */
export interface ConfigError {
  /** Where it stands: `variable SOCKETS_DIRECT_LOG`, `option --log`, `key log in /etc/sd.json`. */
  readonly place: string;
  /** What stands there, shortened. */
  readonly value: string;
  /** What would be allowed. */
  readonly allowed: string;
}

/** Where an effective value came from. */
export type Source = 'option' | 'environment' | 'file' | 'default';

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly sources: Readonly<Record<SettingName, Source>> }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

/** Values given on a command line or by an API: name → its items as text. */
export type OptionItems = ReadonlyMap<SettingName, readonly string[]>;

export interface ConfigInput {
  readonly options?: OptionItems;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Text of the configuration file; throws when it cannot be read. For tests. */
  readonly readFile?: (path: string) => string;
}

type Layer = Map<SettingName, unknown>;

/** Larger than any sensible list of rules; a wrong path must not make the preload read a gigabyte. */
const FILE_BYTES_MAX = 1024 * 1024;

function readConfigFile(path: string): string {
  const stat = statSync(path);
  // A FIFO or a terminal would block the program that is being started.
  if (!stat.isFile()) throw new Error('not a regular file');
  if (stat.size > FILE_BYTES_MAX) throw new Error(`larger than ${FILE_BYTES_MAX} bytes`);
  return readFileSync(path, 'utf8');
}

function shorten(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}

function check(
  layer: Layer,
  errors: ConfigError[],
  name: SettingName,
  items: readonly string[] | undefined,
  place: string,
  shown: string,
): void {
  const type = SETTINGS[name].value;
  const parsed = items === undefined ? { bad: [shown] } : type.parse(items);
  if ('value' in parsed) layer.set(name, parsed.value);
  else for (const bad of parsed.bad) errors.push({ place, value: shorten(bad), allowed: type.range });
}

/** The items in a variable's text: a list is comma separated, or a JSON array where an item itself holds a comma. */
export function itemsOfText(text: string, list: boolean): readonly string[] | undefined {
  if (!list) return [text.trim()];
  if (!text.trimStart().startsWith('[')) {
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }
  try {
    return itemsOfJson(JSON.parse(text));
  } catch {
    // Not JSON: undefined, which the caller refuses with the whole text.
    return undefined;
  }
}

function itemOfJson(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return undefined;
}

function itemsOfJson(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) {
    const item = itemOfJson(value);
    return item === undefined ? undefined : [item];
  }
  const items = value.map(itemOfJson);
  return items.every((item) => item !== undefined) ? items : undefined;
}

/** The text of a variable that means these items. */
export function encodeItems(items: readonly string[], list: boolean): string {
  if (!list) return items[0] ?? '';
  const plain = items.every(
    (item) => !item.includes(',') && !item.startsWith('[') && item.trim() === item && item !== '',
  );
  return plain ? items.join(',') : JSON.stringify(items);
}

function readOptions(options: OptionItems | undefined, errors: ConfigError[]): Layer {
  const layer: Layer = new Map();
  for (const [name, items] of options ?? []) {
    check(layer, errors, name, items, `option --${optionOf(name)}`, items.join(','));
  }
  return layer;
}

function readEnvironment(environment: ConfigInput['environment'], errors: ConfigError[]): Layer {
  const layer: Layer = new Map();
  const names = new Map(SETTING_NAMES.map((name) => [variableOf(name), name]));
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || OTHER_VARIABLES.includes(variable)) continue;
    const text = environment[variable] ?? '';
    const name = names.get(variable);
    if (name === undefined) {
      errors.push({
        place: `variable ${variable}`,
        value: shorten(text),
        allowed: `one of ${[...names.keys()].join(', ')}`,
      });
    } else if (text !== '') {
      // An empty variable counts as not set: that is how compose files and shells spell "no value".
      check(layer, errors, name, itemsOfText(text, SETTINGS[name].value.list), `variable ${variable}`, text);
    }
  }
  return layer;
}

function readFileLayer(path: string, read: (path: string) => string, errors: ConfigError[]): Layer {
  const layer: Layer = new Map();
  let document: unknown;
  try {
    document = JSON.parse(read(path));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    errors.push({ place: 'configuration file', value: path, allowed: `a readable JSON file (${shorten(problem)})` });
    return layer;
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    errors.push({ place: 'configuration file', value: path, allowed: 'a JSON object' });
    return layer;
  }
  const keys = new Map(SETTING_NAMES.flatMap((name) => (fileKeyOf(name) === null ? [] : [[fileKeyOf(name), name]])));
  for (const [key, value] of Object.entries(document)) {
    const place = `key ${shorten(key)} in ${path}`;
    const shown = shorten(JSON.stringify(value));
    const name = keys.get(key);
    if (name === undefined) errors.push({ place, value: shown, allowed: `one of ${[...keys.keys()].join(', ')}` });
    else check(layer, errors, name, itemsOfJson(value), place, shown);
  }
  return layer;
}

/** Read, check and merge all layers. */
export function loadConfig(input: ConfigInput): ConfigResult {
  const errors: ConfigError[] = [];
  const options = readOptions(input.options, errors);
  const environment = readEnvironment(input.environment, errors);
  const path = options.get('config') ?? environment.get('config');
  const file =
    typeof path === 'string' ? readFileLayer(path, input.readFile ?? readConfigFile, errors) : (new Map() as Layer);
  if (errors.length > 0) return { ok: false, errors };

  const layers: readonly [Source, Layer][] = [
    ['option', options],
    ['environment', environment],
    ['file', file],
  ];
  const config: Partial<Record<SettingName, unknown>> = {};
  const sources: Partial<Record<SettingName, Source>> = {};
  for (const name of SETTING_NAMES) {
    const found = layers.find(([, layer]) => layer.has(name));
    config[name] = found === undefined ? SETTINGS[name].default : found[1].get(name);
    sources[name] = found === undefined ? 'default' : found[0];
  }
  // Every name was just set, each to what its own type's parse gave: the one place where the table's types are asserted.
  return { ok: true, config: config as unknown as Config, sources: sources as Record<SettingName, Source> };
}

/** One problem as a sentence: `variable SOCKETS_DIRECT_LOG: "loud" is not allowed; allowed: off, error, info, debug`. */
export function describeConfigError(error: ConfigError): string {
  return `${error.place}: ${JSON.stringify(error.value)} is not allowed; allowed: ${error.allowed}`;
}
