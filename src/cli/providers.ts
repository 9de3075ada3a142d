/**
 * `sockets-direct providers`: installs SAN service providers in the catalog file that programs share, removes and lists them.
 * The counterpart of the setup program that writes the Winsock catalog and the list `TCP on SAN` (SP-16…18).
 */
import { createRequire } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  defaultCatalogPath,
  importProvider,
  installProvider,
  isValueName,
  moduleProblem,
  readCatalogFile,
  readProtocolInfo,
  removeProvider,
} from '../catalog/index.js';
import { describeConfigError, loadConfig } from '../config/index.js';
import { type GuidText, guidText } from '../spi/index.js';
import { findIsolates } from './isolates.js';
import { alignColumns, sanitize } from './table.js';
import { EXIT_FAILURE, EXIT_USAGE } from './usage.js';
import type { Output } from './usage.js';

export const PROVIDERS_HELP = `Usage: sockets-direct providers install <module> [options]
       sockets-direct providers remove <id or name>
       sockets-direct providers list [--json]

Installs, removes and lists SAN service providers for this user's programs. Programs that run already take part at once.

  <module>          path of the provider's module, or a package's name as seen from here; it is loaded to read what it says
                    of itself
      --id GUID     install it under this ProviderId instead of its own
      --name NAME   name of its entry in the list 'TCP on SAN'; by default the id
      --first       put it at the head of the list: preferred to the others in it
      --catalog PATH  the catalog file, instead of the one that SOCKETS_DIRECT_CATALOG or the configuration names
      --json        the list as one JSON document (docs/OPERATING.md)
      --help        show this text

Exit code: 0; ${EXIT_FAILURE} where that could not be done; ${EXIT_USAGE} for a bad option.
`;

/** Version of the JSON document's shape. */
const JSON_FORMAT = 1;

const OPTIONS = {
  id: { type: 'string' },
  name: { type: 'string' },
  first: { type: 'boolean', default: false },
  catalog: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function readOptions(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: true });
}

type Options = ReturnType<typeof readOptions>['values'];

/** Something the person who typed it can mend; thrown and caught in this file only. */
class Complaint extends Error {
  constructor(
    message: string,
    readonly code: number = EXIT_FAILURE,
  ) {
    super(message);
  }
}

export async function providers(args: readonly string[], output: Output): Promise<number> {
  try {
    const { values: options, positionals } = parse(args);
    if (options.help) {
      output.print(PROVIDERS_HELP);
      return 0;
    }
    const [action, ...rest] = positionals;
    const wanted = action === 'list' ? 0 : 1;
    if (action !== 'install' && action !== 'remove' && action !== 'list')
      throw usage(`no such action: ${positionals.join(' ')}`);
    if (rest.length !== wanted) throw usage(`${action} takes ${wanted === 0 ? 'no argument' : 'one argument'}`);
    const file = catalogFile(options);
    if (action === 'install') await install(file, rest[0], options, output);
    else if (action === 'remove') await remove(file, rest[0], output);
    else list(file, options, output);
    return 0;
  } catch (error) {
    output.complain(`sockets-direct providers: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof Complaint ? error.code : EXIT_FAILURE;
  }
}

function parse(args: readonly string[]): ReturnType<typeof readOptions> {
  try {
    return readOptions(args);
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(message: string): Complaint {
  return new Complaint(message, EXIT_USAGE);
}

/** The file that programs which are started here would use. */
function catalogFile({ catalog }: Options): string {
  if (catalog !== undefined && !isAbsolute(catalog))
    throw usage(`option --catalog: ${catalog} is not an absolute path`);
  const result = loadConfig({ environment: process.env });
  if (!result.ok) throw usage(result.errors.map(describeConfigError).join('; '));
  const file = catalog ?? result.config.catalog ?? defaultCatalogPath(process.env);
  if (file === null) throw new Complaint('there is no home directory to have a catalog in; name one with --catalog');
  return file;
}

async function install(file: string, module: string, options: Options, output: Output): Promise<void> {
  const path = resolveModule(module);
  const problem = moduleProblem(path);
  if (problem !== null) throw new Complaint(`${path} ${problem}`);
  const provider = importProvider(path);
  if (typeof provider === 'string') throw new Complaint(`${path}: ${provider}`);
  const told = readProtocolInfo(provider.protocolInfo);
  if (typeof told === 'string') throw new Complaint(`${path}: ${told}`);
  const id = options.id === undefined ? told.ProviderId : guidText(options.id);
  if (id === null) throw usage(`option --id: ${JSON.stringify(options.id)} is not a GUID`);
  const name = options.name ?? id;
  if (!isValueName(name))
    throw usage(`option --name: ${JSON.stringify(name)} is not allowed; allowed: 1 to 255 characters`);
  const info = { ...told, ProviderId: id };
  const refusal = await installProvider(file, { path, id, name, protocols: [info], first: options.first });
  if (refusal !== null) throw new Complaint(refusal);
  output.print(`Installed ${sanitize(info.szProtocol)} as ${name}: ${id}, ${path}\n`);
  await tellPrograms(id, output);
}

/** A path as typed, or a package as the working directory sees it; this package's own modules always. */
function resolveModule(module: string): string {
  const places = [join(process.cwd(), 'x'), import.meta.url];
  const isPath = isAbsolute(module) || /^\.{1,2}(\/|$)/.test(module);
  const names = isPath ? [module] : [module, `./${module}`];
  for (const place of places) {
    const { resolve } = createRequire(place);
    for (const name of names) {
      try {
        return resolve(name);
      } catch {
        // Not known there; perhaps in the next place.
      }
    }
  }
  throw new Complaint(`there is no module ${module}`);
}

async function remove(file: string, idOrName: string, output: Output): Promise<void> {
  const refusal = await removeProvider(file, idOrName);
  if (refusal !== null) throw new Complaint(refusal);
  output.print(`Removed ${idOrName}\n`);
  await tellPrograms(null, output);
}

/**
 * Asks every running program, which makes it look at its catalog; one that watches has seen the change already. What they
 * made of a provider just installed is in their answers.
 */
async function tellPrograms(id: GuidText | null, output: Output): Promise<void> {
  const uid = process.geteuid?.() ?? null;
  const isolates = await findIsolates({ uid: uid === 0 ? null : uid, pid: null }).catch(() => []);
  if (id === null) return;
  const found = isolates.flatMap(({ providers: all }) => all.filter((provider) => provider.id === id));
  const refused = found.filter(({ started }) => !started);
  if (found.length > 0) output.print(`In use by ${found.length - refused.length} running programs or threads\n`);
  for (const detail of new Set(refused.map((provider) => `${provider.reason ?? ''}: ${provider.detail ?? ''}`))) {
    output.complain(`Refused by running programs: ${sanitize(detail)}\n`);
  }
}

function list(file: string, { json }: Options, output: Output): void {
  const { document, problem } = readCatalogFile(file);
  if (problem !== null) throw new Complaint(`${file} ${problem}`);
  const rows = document.providers.map(({ id, path, protocols }) => {
    const order = document.sanList.findIndex((value) => value.id === id);
    return {
      // Null: installed, and not on the list TCP on SAN, so that the switch does not see it (SP-18).
      order: order < 0 ? null : order + 1,
      name: order < 0 ? null : document.sanList[order].name,
      id,
      protocol: protocols[0].szProtocol,
      path,
      problem: moduleProblem(path),
    };
  });
  if (json) {
    output.print(`${JSON.stringify({ format: JSON_FORMAT, catalog: file, providers: rows }, null, 2)}\n`);
    return;
  }
  rows.sort((a, b) => (a.order ?? Infinity) - (b.order ?? Infinity));
  const lines = rows.map(({ order, name, id, protocol, path, problem: wrong }) => [
    order === null ? '-' : String(order),
    name ?? '-',
    protocol,
    id,
    wrong === null ? path : `${path} (ERR: it ${wrong})`,
  ]);
  if (lines.length === 0) output.complain(`No provider is installed in ${file}.\n`);
  else output.print(alignColumns([['Order', 'Name', 'Provider', 'Id', 'Module'], ...lines], ['Order']));
}
