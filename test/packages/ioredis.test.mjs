import { packageTest } from './support/package-test.mjs';

packageTest('ioredis', ['ioredis'], { programs: ['resp-server.mjs', 'ioredis-client.mjs'] });
