import { packageTest } from './support/package-test.mjs';

packageTest('undici', ['undici'], { programs: ['api-server.mjs', 'undici-client.mjs'] });
