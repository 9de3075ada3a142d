import { packageTest } from './support/package-test.mjs';

packageTest('koa', ['koa'], { programs: ['koa-server.mjs', 'rest-client.mjs'] });
