import { packageTest } from './support/package-test.mjs';

packageTest('hono', ['hono', '@hono/node-server'], { programs: ['hono-server.mjs', 'rest-client.mjs'] });
