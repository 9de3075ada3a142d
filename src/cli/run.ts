/**
 * `sockets-direct run [options] [--] command …`: start a command with the switch preloaded in every Node process it
 * starts, through NODE_OPTIONS, which children inherit. The settings travel as environment variables.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  SETTINGS,
  SETTING_NAMES,
  describeConfigError,
  encodeItems,
  loadConfig,
  optionOf,
  packageInfo,
  settingsHelp,
  variableOf,
} from '../config/index.js';
import type { OptionItems, SettingName } from '../config/index.js';
import { runChild } from './child.js';
import { addRequire } from './node-options.js';
import { EXIT_USAGE } from './usage.js';
import type { Output } from './usage.js';

export function runHelp(): string {
  return `Usage: sockets-direct run [options] [--] command [arguments]

Runs the command with the switch preloaded in every Node.js process that it starts.
Ends with the command's exit code, or by the signal that ended it; ${EXIT_USAGE} for a bad option or setting.

Options win over environment variables, those over the configuration file:

${settingsHelp()}
  --help
      Show this text.
`;
}

/** What the command line says, before anything is checked against the table. */
export interface RunArguments {
  readonly options: OptionItems;
  readonly command: readonly string[];
  readonly help: boolean;
  readonly problems: readonly string[];
}

/** Everything up to the first argument that is no option is ours, the rest is the command's. */
export function parseRunArguments(args: readonly string[]): RunArguments {
  const names = new Map(SETTING_NAMES.map((name) => [optionOf(name), name]));
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries([...names.keys()].map((option) => [option, { type: 'string' as const }])),
    // Not strict, because the command's own options stand in the same array; what is ours is checked below.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options = new Map<SettingName, readonly string[]>();
  const problems: string[] = [];
  let help = false;
  for (const token of tokens) {
    if (token.kind === 'positional') return { options, help, problems, command: args.slice(token.index) };
    if (token.kind === 'option-terminator') return { options, help, problems, command: args.slice(token.index + 1) };
    const name = names.get(token.name);
    if (token.name === 'help' || token.name === 'h') help = true;
    else if (name === undefined) problems.push(`unknown option ${token.rawName}`);
    else if (token.value === undefined) problems.push(`option ${token.rawName} needs a value`);
    else options.set(name, itemsOfOption(name, token.value, options.get(name)));
  }
  return { options, help, problems, command: [] };
}

function itemsOfOption(name: SettingName, value: string, before: readonly string[] = []): readonly string[] {
  // The one path a person types relative to where they are; processes below may be elsewhere, so it is resolved here.
  if (name === 'config') return [resolve(value)];
  return SETTINGS[name].value.list ? [...before, ...value.split(',').filter((item) => item !== '')] : [value];
}

/** The environment for the command, or the reason why there is none. */
export function makeEnvironment(
  environment: NodeJS.ProcessEnv,
  options: OptionItems,
  register: string,
): NodeJS.ProcessEnv | string {
  const nodeOptions = addRequire(environment['NODE_OPTIONS'] ?? '', register);
  if (nodeOptions === null) return 'NODE_OPTIONS has unbalanced quotes; Node.js would refuse to start with it';
  const settings = [...options].map(([name, items]) => [
    variableOf(name),
    encodeItems(items, SETTINGS[name].value.list),
  ]);
  return { ...environment, ...(Object.fromEntries(settings) as NodeJS.ProcessEnv), NODE_OPTIONS: nodeOptions };
}

export async function run(args: readonly string[], output: Output): Promise<number> {
  const { options, command, help, problems } = parseRunArguments(args);
  if (help) {
    output.print(runHelp());
    return 0;
  }
  const complain = (text: string): void => {
    output.complain(`sockets-direct run: ${text}\n`);
  };
  const result = loadConfig({ options, environment: process.env });
  const refused = [...problems, ...(result.ok ? [] : result.errors.map(describeConfigError))];
  if (command.length === 0) refused.push('no command given');
  for (const problem of refused) complain(problem);
  if (refused.length > 0) return EXIT_USAGE;

  const environment = makeEnvironment(process.env, options, join(packageInfo().root, 'register.cjs'));
  if (typeof environment === 'string') {
    complain(environment);
    return EXIT_USAGE;
  }
  return await runChild(command[0], command.slice(1), environment, complain);
}
