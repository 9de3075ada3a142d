// PGlite, a PostgreSQL in a Node process, behind its socket server. The client: pg-client.mjs.
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import record from '../../programs/lib/record.cjs';

const db = await PGlite.create();
const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1', maxConnections: 10 });
server.addEventListener('listening', ({ detail }) =>
  record.ready({ postgres: { port: detail.port, host: '127.0.0.1', user: 'postgres', database: 'postgres' } }),
);
await server.start();
record.onStop(async () => {
  await server.stop();
  await db.close();
});
