import { packageTest } from './support/package-test.mjs';

packageTest('static files', ['http-server', 'serve-handler'], { programs: ['files-server.mjs', 'files-client.mjs'] });
