import { packageTest } from './support/package-test.mjs';

packageTest('redis', ['redis'], { programs: ['resp-server.mjs', 'redis-client.mjs'] });
