import { packageTest } from './support/package-test.mjs';

packageTest('express in a cluster', ['express'], { programs: ['cluster-server.mjs', 'cluster-client.mjs'] });
