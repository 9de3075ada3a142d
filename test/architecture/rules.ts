// The direction table of docs/ARCHITECTURE.md as data: which folder of src may import which. The folder list is the
// architecture figure (DESIGN section 2), so a folder that is not in the table is an error, not an oversight.

/** What one unit (a folder, or a file directly under src) may import. */
export interface Rule {
  /** Units of src; '*' = all. */
  readonly src: readonly string[] | '*';
  /** Whether it may import modules from outside src: node's own ('node'), and npm packages by name. */
  readonly outside: readonly string[];
}

export const MAXIMUM_LINES = 500;

/** `providers/x` are units of their own: no provider may import another. Any provider that appears has PROVIDER. */
export const RULES: Readonly<Record<string, Rule>> = {
  spi: { src: [], outside: [] },
  config: { src: [], outside: ['node'] },
  'proxy-driver': { src: [], outside: ['node', 'node-gyp-build'] },
  session: { src: ['spi'], outside: ['node'] },
  catalog: { src: ['spi'], outside: ['node'] },
  switch: { src: ['spi', 'session', 'catalog'], outside: ['node'] },
  // For the authors of providers: it must work with any test runner, so it has nothing but the contract.
  conformance: { src: ['spi'], outside: [] },
  net: { src: ['spi', 'session', 'switch'], outside: ['node'] },
  observe: { src: ['config', 'spi', 'session', 'switch'], outside: ['node'] },
  runtime: { src: '*', outside: ['node'] },
  cli: { src: ['config', 'spi', 'catalog', 'observe'], outside: ['node'] },
  // The two entry points: the public API and the preload's ESM side.
  'index.ts': { src: '*', outside: ['node'] },
  'register.ts': { src: '*', outside: ['node'] },
};

export const PROVIDER: Rule = { src: ['spi', 'proxy-driver'], outside: ['node'] };

export const ruleOf = (unit: string): Rule | undefined =>
  unit.startsWith('providers/') ? PROVIDER : Object.hasOwn(RULES, unit) ? RULES[unit] : undefined;
