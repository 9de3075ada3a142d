import { packageTest } from './support/package-test.mjs';

packageTest('pg and drizzle', ['pg', 'drizzle-orm', '@electric-sql/pglite', '@electric-sql/pglite-socket'], {
  programs: ['pglite-server.mjs', 'pg-client.mjs'],
  within: 240_000,
});
