import { packageTest } from './support/package-test.mjs';

packageTest('axios', ['axios'], { programs: ['api-server.mjs', 'axios-client.mjs'] });
