/**
 * NODE_OPTIONS as Node itself reads it: arguments are separated by spaces; double quotes hold one together; within them,
 * and only there, a backslash takes the next character literally.
 */

/** The arguments in it; null where Node would refuse to start with it (unterminated quotes, nothing behind a backslash). */
export function splitNodeOptions(text: string): readonly string[] | null {
  const args: string[] = [];
  let quoted = false;
  let current: string | null = null;
  for (let index = 0; index < text.length; index++) {
    let character = text[index];
    if (character === '\\' && quoted) {
      index++;
      if (index === text.length) return null;
      character = text[index];
    } else if (character === ' ' && !quoted) {
      if (current !== null) args.push(current);
      current = null;
      continue;
    } else if (character === '"') {
      quoted = !quoted;
      continue;
    }
    current = (current ?? '') + character;
  }
  if (quoted) return null;
  if (current !== null) args.push(current);
  return args;
}

/** One argument as NODE_OPTIONS needs it; left as it is where it needs nothing. */
export function quoteNodeOption(argument: string): string {
  return /[ "\\]/.test(argument) ? `"${argument.replace(/["\\]/g, '\\$&')}"` : argument;
}

function requires(args: readonly string[], path: string): boolean {
  return args.some(
    (argument, index) =>
      argument === `--require=${path}` || (argument === path && ['-r', '--require'].includes(args[index - 1])),
  );
}

/** `existing` with `--require path` behind it, unless it is there already; null where `existing` is malformed. */
export function addRequire(existing: string, path: string): string | null {
  const args = splitNodeOptions(existing);
  if (args === null) return null;
  if (requires(args, path)) return existing;
  const added = `--require ${quoteNodeOption(path)}`;
  return existing.trim() === '' ? added : `${existing} ${added}`;
}
