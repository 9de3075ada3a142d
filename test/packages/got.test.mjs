import { packageTest } from './support/package-test.mjs';

packageTest('got', ['got'], { programs: ['api-server.mjs', 'got-client.mjs'] });
