// docs/WSD_COVERAGE.md: what becomes of every requirement of Windows Sockets Direct, from the citations in code and tests.
//   node scripts/wsd-coverage.mjs            write the page
//   node scripts/wsd-coverage.mjs --check    fail if the page is stale, or a requirement is neither met nor explained
//   node scripts/wsd-coverage.mjs --missing  list what is still without code, test or explanation
//
// Code counts wherever it cites an id. A test counts only where an id stands in its code, which is to say in the name of
// a test: a comment proves nothing. Cases of the conformance kit are tests, for they run over every provider.
// What is met in another way, or has no counterpart here, says so in test/coverage/dispositions.json.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** @typedef {{ id: string, seed: boolean, source: string, text: string }} Requirement */
/** @typedef {{ status: 'equivalent' | 'not applicable' | 'evidence', how: string, checked?: string[] }} Disposition */
/** @typedef {{ code: Set<string>, tests: Set<string> }} Evidence */

const root = fileURLToPath(new URL('..', import.meta.url));
const PAGE = 'docs/WSD_COVERAGE.md';
const KIT_CASES = 'src/conformance/';

const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, missing: { type: 'boolean', default: false } },
});

/** @type {{ groups: Record<string, string>, requirements: Requirement[] }} */
const { groups, requirements } = readJson('test/coverage/requirements.json');
/** @type {Record<string, Disposition>} */
const dispositions = readJson('test/coverage/dispositions.json');
const known = new Set(requirements.map(({ id }) => id));
/** @type {string[]} */
const faults = [];

const evidence = collect();
checkDispositions();
const rows = requirements.map((requirement) => ({ ...requirement, ...judge(requirement) }));

if (values.missing) listMissing();
else if (values.check) check();
else writeFileSync(root + PAGE, page());

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(root + file, 'utf8'));
}

/** @param {string} folder @param {RegExp} names @returns {string[]} paths relative to the root */
function files(folder, names) {
  return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => names.test(name))
    .map((name) => `${folder}/${name}`)
    .sort();
}

function collect() {
  /** @type {Map<string, Evidence>} */
  const found = new Map(requirements.map(({ id }) => [id, { code: new Set(), tests: new Set() }]));
  /** @param {string} file @param {'code' | 'tests'} kind @param {string} text */
  const add = (file, kind, text) => {
    for (const id of citedIds(text)) {
      const entry = found.get(id);
      if (entry === undefined) faults.push(`${file} cites ${id}, which does not exist`);
      else entry[kind].add(file);
    }
  };
  for (const file of [
    ...files('src', /\.ts$/),
    ...files('native/core', /\.[ch]$/),
    ...files('native/napi', /\.[ch]$/),
  ]) {
    const text = readFileSync(root + file, 'utf8');
    if (file.startsWith(KIT_CASES)) add(file, 'tests', withoutComments(text));
    else add(file, 'code', text);
  }
  for (const file of files('test', /\.test\.ts$/)) {
    add(file, 'tests', withoutComments(readFileSync(root + file, 'utf8')));
  }
  // A C test has no name that could hold an id: the comment above it does.
  for (const file of files('native/test', /_test\.c$/)) add(file, 'tests', readFileSync(root + file, 'utf8'));
  return found;
}

/** @param {string} text */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$|\s\/\/ .*$/gm, '');
}

/**
 * `MEM-7`, and the ranges that prose uses: `SW-10…17`, `MEM-1 … MEM-19`, `SESS-6 to 8`.
 * @param {string} text
 */
function citedIds(text) {
  const ids = new Set();
  const groupNames = Object.keys(groups).join('|');
  const citation = new RegExp(`\\b(${groupNames})-(\\d+)(?:\\s*(?:…|\\.\\.\\.|–|to)\\s*(?:\\1-)?(\\d+))?`, 'g');
  for (const [, group, first, last] of text.matchAll(citation)) {
    const end = last === undefined ? Number(first) : Number(last);
    for (let number = Number(first); number <= end; number++) ids.add(`${group}-${number}`);
    if (end < Number(first)) ids.add(`${group}-${first}`);
  }
  return ids;
}

/** What an explanation refers to must be there, and may not stand in for what is proved anyway. */
function checkDispositions() {
  for (const [id, { status, how, checked = [] }] of Object.entries(dispositions)) {
    if (!known.has(id)) faults.push(`dispositions.json explains ${id}, which does not exist`);
    if (how.length < 20) faults.push(`dispositions.json: ${id} needs a reason`);
    if (status === 'equivalent' && checked.length === 0)
      faults.push(`${id} is said to be equivalent: checked by what?`);
    for (const reference of checked) {
      const [file, ...rest] = reference.split('#');
      const needle = rest.join('#');
      try {
        const text = readFileSync(root + file, 'utf8');
        if (needle !== '' && !text.includes(needle)) faults.push(`${id}: ${file} has no “${needle}”`);
      } catch {
        faults.push(`${id}: there is no ${file}`);
      }
    }
  }
}

/** @param {Requirement} requirement */
function judge({ id }) {
  const { code, tests } = /** @type {Evidence} */ (evidence.get(id));
  const disposition = dispositions[id];
  if (disposition !== undefined) return { status: disposition.status, disposition, code, tests };
  if (code.size > 0 && tests.size > 0) return { status: 'implemented', disposition, code, tests };
  // What a shipped provider was seen to do binds nobody.
  if (id.startsWith('OBS-')) return { status: 'evidence', disposition, code, tests };
  return { status: 'open', disposition, code, tests };
}

function problems() {
  const open = rows.filter(({ status }) => status === 'open');
  const seeds = rows.filter(({ seed, status }) => seed && status !== 'implemented' && status !== 'equivalent');
  return [
    ...faults,
    ...seeds.map(({ id, status }) => `${id}: stated by a seed document, and ${status}`),
    ...open
      .filter(({ seed }) => !seed)
      .map(
        ({ id, code, tests }) =>
          `${id}: ${code.size === 0 ? 'no code' : ''}${code.size + tests.size === 0 ? ', ' : ''}${tests.size === 0 ? 'no test' : ''} cites it`,
      ),
  ];
}

function listMissing() {
  for (const { id, seed, text, status, code, tests } of rows) {
    if (status !== 'open') continue;
    console.log(`${id}${seed ? ' (seed)' : ''} code:${code.size} tests:${tests.size} ${text}`);
  }
  for (const fault of faults) console.log(fault);
}

function check() {
  const list = problems();
  let current = '';
  try {
    current = readFileSync(root + PAGE, 'utf8');
  } catch {
    list.push(`there is no ${PAGE}`);
  }
  if (current !== '' && current !== page()) list.push(`${PAGE} is stale: node scripts/wsd-coverage.mjs`);
  for (const problem of list) console.error(problem);
  if (list.length > 0) process.exitCode = 1;
  else console.log(`${rows.length} requirements, none without an answer`);
}

function page() {
  /** @param {string} status @param {(row: typeof rows[number]) => boolean} [which] */
  const count = (status, which = () => true) => rows.filter((row) => row.status === status && which(row)).length;
  const statuses = ['implemented', 'equivalent', 'not applicable', 'evidence', 'open'];
  const lines = [
    '# Coverage of Windows Sockets Direct',
    '',
    'What becomes of every requirement. Generated from the citations in code and tests by `node scripts/wsd-coverage.mjs`; the',
    'requirements are in our own words in `test/coverage/requirements.json`, with the public pages they come from.',
    '',
    '- **implemented**: code cites it, and so does the name of a test (cases of the [conformance kit](CONFORMANCE.md) are tests).',
    '- **equivalent**: a permission, or a mechanism of Windows whose present-day counterpart does the job; the row says which, and',
    '  what checks it.',
    '- **not applicable**: it has no counterpart in a Node program on Linux; the row says why.',
    '- **evidence**: what a shipped provider was seen to do (OBS). Where we follow it, the row has code or tests; it binds nobody.',
    '',
    `| | ${statuses.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(statuses.length)}`,
    `| stated by the five founding documents | ${statuses.map((status) => count(status, ({ seed }) => seed)).join(' | ')} |`,
    `| all | ${statuses.map((status) => count(status)).join(' | ')} |`,
    '',
  ];
  for (const [group, title] of Object.entries(groups)) {
    lines.push(`## ${group}: ${title}`, '', '| id | requirement | status | where |', '| --- | --- | --- | --- |');
    for (const row of rows.filter(({ id }) => id.startsWith(`${group}-`))) {
      const id = row.seed ? `**${row.id}**` : row.id;
      lines.push(`| ${id} | ${cell(row.text)} | ${row.status} | ${cell(where(row))} |`);
    }
    lines.push('');
  }
  return lines.join('\n');
}

/** @param {typeof rows[number]} row */
function where({ disposition, code, tests }) {
  const parts = disposition === undefined ? [] : [disposition.how];
  const checked = (disposition?.checked ?? []).map((reference) => reference.split('#')[0]);
  if (disposition === undefined && code.size > 0) parts.push(`code: ${links(code)}`);
  const proofs = new Set([...tests, ...checked]);
  if (proofs.size > 0) parts.push(`tests: ${links(proofs)}`);
  return parts.join(' — ');
}

/** The first few places; the ids can be searched for. @param {Set<string>} places */
function links(places) {
  const list = [...places].sort();
  const shown = list.slice(0, 3).map((file) => `[${file.replace(/^.*\//, '')}](../${file})`);
  return shown.join(', ') + (list.length > 3 ? ` and ${list.length - 3} more` : '');
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
