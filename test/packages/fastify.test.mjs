import { packageTest } from './support/package-test.mjs';

packageTest('fastify', ['fastify'], { programs: ['fastify-server.mjs', 'rest-client.mjs'] });
