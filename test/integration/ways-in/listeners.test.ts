// What a program can say of a listener (issue: every way in is covered; D1, D4).
import { waysIn } from '../../support/ways-in.js';

waysIn('ways to listen', {
  file: 'listeners.mjs',
  cases: {
    'server.maxConnections': 'san',
    dropMaxConnection: 'san',
    'BlockList of a server': 'san',
    exclusive: 'san',
    reusePort: 'san',
    ipv6Only: 'san',
    'both families': 'san',
    // More at once than its queue takes: the rest waits in the kernel's.
    backlog: { client: { sanOr: 'listener-busy' }, server: { sanOr: 'peer-used-tcp' } },
    'listen, all its forms': 'san',
    'listen with a signal': 'san',
    'close with connections': 'san',
    'a listening handle of another server': { client: { tcp: 'no-companion' }, server: { tcp: 'listener-shared' } },
  },
});
