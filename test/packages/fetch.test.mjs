import { packageTest } from './support/package-test.mjs';

packageTest('Node’s own fetch', [], { programs: ['api-server.mjs', 'fetch-client.mjs'] });
