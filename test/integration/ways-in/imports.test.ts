// How a program gets at net, and when (issue: every way in is covered; D1). The switch is loaded by -r, as the first thing; or
// by the program itself, as the last.
import { registerFile } from '../../support/program.js';
import { type Expected, waysIn } from '../../support/ways-in.js';

const CASES: Record<string, Expected> = {
  'an ESM import, before': 'san',
  'an ESM namespace, before': 'san',
  'a CJS require, before': 'san',
  'captured by a CJS module, before': 'san',
  'new net.Socket, captured before': 'san',
  'a subclass, made before': 'san',
  'an ESM import, after': 'san',
  'a CJS require, after': 'san',
  'process.getBuiltinModule': 'san',
  'http, captured before': 'san',
  'a socket and a server, made before': 'san',
  'a listener, from before': 'san',
  syncBuiltinESMExports: 'san',
  'the shape of net': 'san',
};

waysIn('imports, after the switch', { file: 'imports.mjs', alone: true, cases: CASES });

for (const how of ['require', 'import']) {
  waysIn(`imports, before the switch (${how})`, {
    file: 'imports.mjs',
    alone: true,
    switching: 'off',
    switchedParameters: { register: registerFile, how },
    // What listened before is not known to the switch, and stays as it was.
    cases: { ...CASES, 'a listener, from before': { client: { tcp: 'no-companion' }, server: 'unseen' } },
  });
}
