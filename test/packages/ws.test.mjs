import { packageTest } from './support/package-test.mjs';

packageTest('ws', ['ws'], { programs: ['ws-server.mjs', 'ws-client.mjs'] });
