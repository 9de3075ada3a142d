/** The table of settings as text: for `sockets-direct run --help` and for docs/CONFIGURATION.md. */
import { SETTING_NAMES, SETTINGS, fileKeyOf, optionOf, variableOf } from './settings.js';
import type { SettingName } from './settings.js';

function defaultOf(name: SettingName): string {
  const { value, default: initial } = SETTINGS[name];
  // Each row's own `format` is given each row's own default; the union over rows hides that from the compiler.
  const items = (value.format as (value: unknown) => readonly string[])(initial);
  const text = items.join(',');
  return text === '' ? 'none' : text;
}

function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return lines
    .concat(line)
    .map((one) => indent + one)
    .join('\n');
}

/** The options of `run`, one paragraph each. */
export function settingsHelp(): string {
  return SETTING_NAMES.map((name) => {
    const { value, meaning } = SETTINGS[name];
    const head = `  --${optionOf(name)} VALUE${value.list ? '  (may be repeated)' : ''}`;
    const facts = `${value.type}; allowed: ${value.range}; default: ${defaultOf(name)}; variable ${variableOf(name)}`;
    return `${head}\n${wrap(meaning.replaceAll('`', ''), 94, '      ')}\n${wrap(facts, 94, '      ')}`;
  }).join('\n');
}

function cell(text: string): string {
  return text.replace(/[|*]/g, '\\$&');
}

/** The table of docs/CONFIGURATION.md. */
export function settingsMarkdown(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { value, meaning } = SETTINGS[name];
    const key = fileKeyOf(name);
    const names = [`\`${variableOf(name)}\``, `\`--${optionOf(name)}\``, key === null ? '(no key)' : `\`${key}\``];
    const cells = [names.join('<br>'), value.type, value.range, `\`${defaultOf(name)}\``, meaning];
    return `| ${cells.map(cell).join(' | ')} |`;
  });
  return [
    '| Variable, option of `run`, key in the file | Type | Allowed | Default | Meaning |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
