// Flags of Node under which a program must not see the switch either (issue: every way in is covered; D9).
import { waysIn } from '../../support/ways-in.js';

waysIn('flags', {
  file: 'flags.mjs',
  options: {
    execArgv: [
      '--pending-deprecation',
      '--trace-deprecation',
      '--trace-warnings',
      '--inspect=127.0.0.1:0',
      // Nothing of it on stderr.
      '--inspect-publish-uid=http',
    ],
  },
  cases: {
    '--pending-deprecation': 'san',
    // The inspector listens in native code.
    '--inspect': { client: { tcp: 'no-companion' }, server: 'unseen' },
    'inspector.Session': 'san',
    'inspector.open': 'san',
  },
});
