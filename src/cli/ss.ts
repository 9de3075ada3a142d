/** `sockets-direct ss`: the live sockets of every process that runs the switch. */
import { parseArgs } from 'node:util';
import type { Carrier } from '../observe/index.js';
import { findIsolates } from './isolates.js';
import type { Isolate } from './isolates.js';
import { formatTable } from './table.js';
import { EXIT_FAILURE, EXIT_USAGE } from './usage.js';
import type { Output } from './usage.js';

export const SS_HELP = `Usage: sockets-direct ss [options]

Lists the connections of this user's processes that run the switch: those on a SAN provider, and those on TCP with the
reason. A process that does not answer within half a second is listed as NO-ANSWER, one whose switch is off as OFF.

  -l, --listening   listeners instead of connections
  -a, --all         listeners, connections, and processes that have neither
      --san         only what is on a SAN provider
      --tcp         only what is on TCP
      --pid PID     only this process
      --all-users   every user's processes (root only)
      --json        everything as one JSON document (docs/OPERATING.md)
      --help        show this text

Exit code: 0; ${EXIT_FAILURE} where the list cannot be read; ${EXIT_USAGE} for a bad option.
`;

/** Version of the JSON document's shape. */
const JSON_FORMAT = 1;

const OPTIONS = {
  listening: { type: 'boolean', short: 'l', default: false },
  all: { type: 'boolean', short: 'a', default: false },
  san: { type: 'boolean', default: false },
  tcp: { type: 'boolean', default: false },
  pid: { type: 'string' },
  'all-users': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function readOptions(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
}

type Options = ReturnType<typeof readOptions>;

/** What is wrong with the options, or null. */
function findProblem(options: Options): string | null {
  if (options.pid !== undefined && !/^[1-9]\d{0,9}$/.test(options.pid)) {
    return `option --pid: ${JSON.stringify(options.pid)} is not allowed; allowed: a process id`;
  }
  if (options['all-users'] && process.geteuid?.() !== 0)
    return 'option --all-users: only root gets answers from other users';
  return null;
}

function onlyCarrier(isolate: Isolate, carrier: Carrier): Isolate {
  return {
    ...isolate,
    listeners: isolate.listeners.filter((listener) => listener.carrier === carrier),
    connections: isolate.connections.filter((connection) => connection.carrier === carrier),
  };
}

function select(isolates: readonly Isolate[], options: Options): readonly Isolate[] {
  if (options.san === options.tcp) return isolates;
  return isolates.map((isolate) => onlyCarrier(isolate, options.san ? 'san' : 'tcp'));
}

async function show(options: Options, output: Output): Promise<number> {
  const uid = options['all-users'] ? null : (process.geteuid?.() ?? null);
  let found: readonly Isolate[];
  try {
    found = await findIsolates({ uid, pid: options.pid === undefined ? null : Number(options.pid) });
  } catch (error) {
    output.complain(`sockets-direct ss: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_FAILURE;
  }
  const isolates = select(found, options);
  if (options.json) {
    output.print(`${JSON.stringify({ format: JSON_FORMAT, processes: isolates }, null, 2)}\n`);
    return 0;
  }
  const table = formatTable(isolates, {
    connections: options.all || !options.listening,
    listeners: options.all || options.listening,
    idle: options.all,
  });
  output.print(table);
  if (table === '') {
    const processes = `${isolates.length} under the switch; --all lists them`;
    output.complain(isolates.length === 0 ? 'Nothing runs the switch.\n' : `Nothing to show (${processes}).\n`);
  }
  return 0;
}

export async function ss(args: readonly string[], output: Output): Promise<number> {
  let options: Options;
  try {
    options = readOptions(args);
  } catch (error) {
    output.complain(`sockets-direct ss: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_USAGE;
  }
  if (options.help) {
    output.print(SS_HELP);
    return 0;
  }
  const problem = findProblem(options);
  if (problem !== null) {
    output.complain(`sockets-direct ss: ${problem}\n`);
    return EXIT_USAGE;
  }
  return await show(options, output);
}
