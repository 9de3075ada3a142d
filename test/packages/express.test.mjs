import { packageTest } from './support/package-test.mjs';

packageTest('express', ['express'], { programs: ['express-server.cjs', 'rest-client.mjs'] });
