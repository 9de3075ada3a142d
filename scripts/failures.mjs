// A reporter of node:test that writes of each test that failed where it is and why, and nothing else. Runs print it at
// their end, however much other suites and versions have printed since.
import { relative } from 'node:path';
import { inspect } from 'node:util';

/**
 * @param {AsyncIterable<{ type: string, data: any }>} events
 * @returns {AsyncGenerator<string>}
 */
export default async function* failures(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.todo !== undefined) continue;
    const { error } = data.details;
    if (error?.failureType === 'subtestsFailed') continue;
    const place = data.file === undefined ? '' : ` (${relative('.', data.file)}:${data.line ?? '?'})`;
    const reason = inspect(error?.cause ?? error, { depth: 4 }).replaceAll(/^/gm, '    ');
    const { exitCode = null, signal = null } = error ?? {};
    const end =
      exitCode === null && signal === null ? '' : `    the process ended with ${signal ?? `code ${exitCode}`}\n`;
    yield `✖ ${data.name}${place}\n${reason}\n${end}`;
  }
}
