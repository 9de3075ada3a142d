import { packageTest } from './support/package-test.mjs';

packageTest('node-fetch', ['node-fetch'], { programs: ['api-server.mjs', 'node-fetch-client.mjs'] });
