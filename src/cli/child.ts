/** Run a command in our place: its terminal, its signals and its end are ours. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** What a supervisor, a shell or a person sends to the process it knows, which is us. */
const FORWARDED: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'];
/** The terminal sends these to its whole foreground process group, hence to the child as well. */
const FROM_KEYBOARD: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/** The shells' codes for a command that is not there or cannot be executed. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** Are we in the foreground of a terminal? Fields behind the name: state ppid pgrp session tty_nr tpgid. */
function inForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[4] !== '0' && fields[2] === fields[5];
  } catch {
    // No /proc: forward, so that no signal is lost.
    return false;
  }
}

/**
 * @returns its exit code. Where a signal killed it, this process kills itself with the same signal, so that whoever waits
 * for us sees the same; 128 + n is returned only where that signal does not kill us.
 */
export function runChild(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  complain: (text: string) => void,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', env: environment });
    const forward = (signal: NodeJS.Signals): void => {
      // Twice Ctrl-C means "at once" to many programs; once must not become twice.
      if (FROM_KEYBOARD.includes(signal) && inForeground()) return;
      child.kill(signal);
    };
    for (const signal of FORWARDED) process.on(signal, forward);
    const stop = (): void => {
      for (const signal of FORWARDED) process.off(signal, forward);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      stop();
      complain(`cannot run ${command}: ${error.code ?? error.message}`);
      resolve(error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE);
    });
    child.once('exit', (code, signal) => {
      stop();
      if (signal === null) {
        resolve(code ?? 1);
        return;
      }
      process.kill(process.pid, signal);
      resolve(128 + constants.signals[signal]);
    });
  });
}
