/** `pg` against PGlite's socket server: a PostgreSQL in a Node process, whose own time is nearly all of it. */
import { dirname } from 'node:path';
import { fromPackages } from './packages.mjs';
import { requests } from './requests.mjs';

/** PostgreSQL's name for its socket in a folder: what `pg` makes of a host that is a path, and the port. */
const PORT = 5432;
const USER = { user: 'postgres', database: 'postgres' };

async function server(context) {
  const { PGlite } = fromPackages('@electric-sql/pglite');
  const { PGLiteSocketServer } = fromPackages('@electric-sql/pglite-socket');
  const { path } = context.params;
  const db = await PGlite.create();
  const folder = path === null ? null : dirname(path);
  const where = folder === null ? { host: '127.0.0.1', port: 0 } : { path: `${folder}/.s.PGSQL.${PORT}` };
  const listener = new PGLiteSocketServer({ db, ...where });
  listener.addEventListener('listening', ({ detail }) => {
    context.ready(folder === null ? { host: '127.0.0.1', port: detail.port } : { host: folder, port: PORT });
  });
  await listener.start();
}

/**
 * @param {string} name
 * @param {string} title
 * @param {object} query
 * @param {string} query.text
 * @param {(number: number) => number[]} query.parameters
 * @param {(rows: any[], number: number) => boolean} query.check
 */
function postgres(name, title, { text, parameters, check }) {
  return requests({
    name,
    title,
    unit: 'queries/s',
    atOnce: 1,
    server,

    async open({ target }) {
      const client = new (fromPackages('pg').Client)({ ...target, ...USER });
      // The end of a run takes the server away.
      client.on('error', () => undefined);
      await client.connect();
      let number = 0;
      const ask = async () => {
        const { rows } = await client.query(text, parameters(++number));
        if (!check(rows, number)) throw new Error(`unexpected rows: ${JSON.stringify(rows).slice(0, 100)}`);
      };
      return { ask, sockets: [client.connection.stream] };
    },
  });
}

export const pgOne = () =>
  postgres('pg-1', '`pg` against PGlite, one row', {
    text: 'SELECT $1::int AS n',
    parameters: (number) => [number],
    check: ([row], number) => row.n === number,
  });

export const pgRows = () =>
  postgres('pg-rows', '`pg` against PGlite, 1000 rows', {
    text: "SELECT n, 'name ' || n AS name FROM generate_series(1, $1::int) AS n",
    parameters: () => [1000],
    check: (rows) => rows.length === 1000 && rows[999].name === 'name 1000',
  });
