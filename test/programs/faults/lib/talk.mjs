// How the programs of the fault tests and the tests talk: "word {json}" on stdout, plain lines on stdin.
import { createInterface } from 'node:readline';

export const parameters = JSON.parse(process.argv[2] ?? '{}');

export const say = (word, message = {}) => process.stdout.write(`${word} ${JSON.stringify(message)}\n`);

/** Calls commands[first word](...other words) for each line on stdin; does not keep the program alive. */
export const obey = (commands) => {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const [word, ...rest] = line.split(' ');
    commands[word](...rest);
  });
  process.stdin.unref?.();
};

export const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const until = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
