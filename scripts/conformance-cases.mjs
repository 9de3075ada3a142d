// Writes the list of cases into docs/CONFORMANCE.md (after npm run build).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CASES } from '../dist/conformance/index.js';

const page = fileURLToPath(new URL('../docs/CONFORMANCE.md', import.meta.url));
const BEGIN = '<!-- cases -->\n';
const END = '<!-- end of cases -->';

/** @param {typeof CASES} cases */
function listOf(cases) {
  const topics = [...new Set(cases.map(({ topic }) => topic))];
  return topics
    .map((topic) => {
      const names = cases
        .filter((one) => one.topic === topic)
        .map(({ name, base }) => `- ${name}${base ? ' · also base' : ''}`);
      return `### ${topic}\n\n${names.join('\n')}\n`;
    })
    .join('\n');
}

const text = readFileSync(page, 'utf8');
const begin = text.indexOf(BEGIN) + BEGIN.length;
const end = text.indexOf(END);
if (begin < BEGIN.length || end < begin) throw new Error('docs/CONFORMANCE.md has no place for the list');
writeFileSync(page, `${text.slice(0, begin)}\n${listOf(CASES)}\n${text.slice(end)}`);
