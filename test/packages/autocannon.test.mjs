import { packageTest } from './support/package-test.mjs';

packageTest('autocannon', ['autocannon'], { programs: ['api-server.mjs', 'autocannon-client.mjs'] });
