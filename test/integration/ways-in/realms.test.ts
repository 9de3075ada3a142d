// Code and data of vm contexts (issue: every way in is covered; D1).
import { waysIn } from '../../support/ways-in.js';

waysIn('vm', {
  file: 'realms.mjs',
  // import() in a vm is experimental.
  options: { execArgv: ['--no-warnings'] },
  cases: {
    'vm.runInContext': 'san',
    'vm.Script, vm.compileFunction, runInThisContext': 'san',
    'import() inside vm': 'san',
    'bytes of another realm': 'san',
    'onread with a buffer of another realm': 'san',
    'options and errors of another realm': 'san',
    'an exception in another realm': 'san',
  },
});
