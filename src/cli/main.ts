#!/usr/bin/env node
/** The command `sockets-direct`. */
import { packageInfo } from '../config/index.js';
import { providers } from './providers.js';
import { run } from './run.js';
import { ss } from './ss.js';
import { EXIT_FAILURE, EXIT_USAGE } from './usage.js';
import type { Output } from './usage.js';

const HELP = `Usage: sockets-direct <command> [options]

  run [options] [--] command …   run a command, with the switch in every Node.js process that it starts
  ss [options]                   list connections, their route, and the reason where it is TCP
  providers <action> …           install, remove and list SAN service providers

  --help       show this text; 'sockets-direct <command> --help' shows a command's options
  --version    show the version
`;

const output: Output = {
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
};

async function main(args: readonly string[]): Promise<number> {
  const command = args.at(0);
  const rest = args.slice(1);
  switch (command) {
    case 'run':
      return await run(rest, output);
    case 'ss':
      return await ss(rest, output);
    case 'providers':
      return await providers(rest, output);
    case 'help':
    case '--help':
    case '-h':
      output.print(HELP);
      return 0;
    case '--version':
    case '-v':
      output.print(`${packageInfo().version}\n`);
      return 0;
    default:
      output.complain(command === undefined ? HELP : `sockets-direct: unknown command ${command}\n${HELP}`);
      return EXIT_USAGE;
  }
}

// The reader of a pipe left early (`| head`): what it wanted, it has.
process.stdout.on('error', () => process.exit(0));

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    output.complain(`sockets-direct: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = EXIT_FAILURE;
  },
);
