// What a worker of a cluster can say of its listener (issue: every way in is covered; docs/design/cluster.md).
import { waysIn } from '../../support/ways-in.js';

waysIn('listeners of a cluster', {
  file: 'cluster.mjs',
  cases: {
    exclusive: 'san',
    reusePort: 'san',
    backlog: 'san',
    ipv6Only: 'san',
    // Where Node does not know the property, the connection goes to the primary, by TCP.
    dropMaxConnection: { client: { sanOr: 'listener-busy' }, server: { sanOr: 'peer-used-tcp' } },
  },
});
