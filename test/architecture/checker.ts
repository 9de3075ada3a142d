// Finds what breaks the architecture in a set of source texts. It reads no files, so that the test can show it bad ones.
import { posix } from 'node:path';
import ts from 'typescript';
import { MAXIMUM_LINES, ruleOf } from './rules.js';

/** Path relative to src (`switch/connect.ts`) → text. */
export type Sources = ReadonlyMap<string, string>;

/** The unit a file belongs to: `providers/shm` for that folder, `switch` for others, `index.ts` for files directly under src. */
export const unitOf = (file: string): string => {
  const parts = file.split('/');
  return parts[0] === 'providers' && parts.length > 2 ? `providers/${parts[1]}` : parts[0];
};

/** Every module a file names: import, export … from, import(), import type, require(), createRequire()(). */
export const importsOf = (file: string, text: string): string[] => {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      if (ts.isStringLiteral(node.moduleSpecifier)) found.push(node.moduleSpecifier.text);
    } else if (
      ts.isImportTypeNode(node) &&
      ts.isLiteralTypeNode(node.argument) &&
      ts.isStringLiteral(node.argument.literal)
    ) {
      found.push(node.argument.literal.text);
    } else if (ts.isCallExpression(node) && node.arguments.length > 0) {
      const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
      const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require';
      const [first] = node.arguments;
      if ((isImport || isRequire) && ts.isStringLiteralLike(first)) found.push(first.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true));
  return found;
};

const checkImport = (file: string, unit: string, specifier: string, edges: Map<string, Set<string>>): string | null => {
  const rule = ruleOf(unit);
  if (rule === undefined) return null; // reported once per file
  if (!specifier.startsWith('.')) {
    const name = specifier.startsWith('node:') ? 'node' : specifier;
    return rule.outside.includes(name) ? null : `${file}: ${unit} may not import '${specifier}'`;
  }
  const target = posix.join(posix.dirname(file), specifier);
  if (target.startsWith('..')) return `${file}: '${specifier}' is outside src`;
  if (!target.endsWith('.js')) return `${file}: '${specifier}' must end in .js`;
  const other = unitOf(target.replace(/\.js$/, '.ts'));
  if (other === unit) return null;
  const known = edges.get(unit) ?? new Set<string>();
  edges.set(unit, known.add(other));
  if (rule.src === '*' || rule.src.includes(other)) return null;
  return `${file}: ${unit} may not import ${other} ('${specifier}')`;
};

/** One cycle of units, as a path that ends where it begins, or null. */
const findCycle = (edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | null => {
  const done = new Set<string>();
  const walk = (unit: string, path: readonly string[]): string[] | null => {
    const at = path.indexOf(unit);
    if (at !== -1) return [...path.slice(at), unit];
    if (done.has(unit)) return null;
    for (const next of edges.get(unit) ?? []) {
      const cycle = walk(next, [...path, unit]);
      if (cycle !== null) return cycle;
    }
    done.add(unit);
    return null;
  };
  for (const unit of edges.keys()) {
    const cycle = walk(unit, []);
    if (cycle !== null) return cycle;
  }
  return null;
};

/** Everything wrong with these sources; empty = the architecture holds. */
export const findViolations = (sources: Sources): string[] => {
  const violations: string[] = [];
  const edges = new Map<string, Set<string>>();
  for (const [file, text] of sources) {
    const unit = unitOf(file);
    if (ruleOf(unit) === undefined)
      violations.push(`${file}: '${unit}' is not in the table (test/architecture/rules.ts)`);
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    if (lines > MAXIMUM_LINES) violations.push(`${file}: ${lines} lines, more than ${MAXIMUM_LINES}`);
    for (const specifier of importsOf(file, text)) {
      const violation = checkImport(file, unit, specifier, edges);
      if (violation !== null) violations.push(violation);
    }
  }
  const cycle = findCycle(edges);
  if (cycle !== null) violations.push(`cycle of folders: ${cycle.join(' -> ')}`);
  return violations;
};
