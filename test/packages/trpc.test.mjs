import { packageTest } from './support/package-test.mjs';

packageTest('tRPC', ['@trpc/server', '@trpc/client'], { programs: ['trpc-server.mjs', 'trpc-client.mjs'] });
