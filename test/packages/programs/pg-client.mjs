// `pg` by itself and under drizzle: types, errors, prepared statements, large values, transactions, a pool, LISTEN.
import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, jsonb, pgTable, serial, text } from 'drizzle-orm/pg-core';
import pg from 'pg';
import record from '../../programs/lib/record.cjs';
import './lib/strict-facts.mjs';

const { postgres } = record.parameters();
const client = new pg.Client(postgres);
await client.connect();
// All connections to PGlite are one session.
await client.query('DEALLOCATE ALL');
await client.query('DROP TABLE IF EXISTS people, blobs');
await client.query('CREATE TABLE blobs (id int PRIMARY KEY, data bytea NOT NULL)');
const { rows } = await client.query(
  "SELECT 1::int AS n, 'text \u20ac' AS t, now() > '2000-01-01' AS later, ARRAY[1,2] AS list",
);
record.fact('types', rows);
for (const size of [0, 1, 8192, 65536, 2000000]) {
  const data = record.bytes(size, size);
  await client.query('INSERT INTO blobs VALUES ($1, $2)', [size, data]);
  const answer = await client.query({ name: 'blob', text: 'SELECT data FROM blobs WHERE id = $1', values: [size] });
  record.fact(`blob ${size}`, record.sha256(answer.rows[0].data) === record.sha256(data));
}
const many = await client.query("SELECT g AS n, repeat('x', g % 100) AS t FROM generate_series(1, 20000) AS g");
record.fact('many rows', [many.rowCount, record.sha256(JSON.stringify(many.rows))]);
record.fact(
  'wrong',
  await client.query('SELECT nothing').catch(({ code, severity, message }) => [code, severity, message]),
);
record.fact('duplicate', await client.query('INSERT INTO blobs VALUES (1, $1)', ['']).catch(({ code }) => code));
const notice = record.until(client, 'notification');
await client.query('LISTEN news');
await client.query("SELECT pg_notify('news', 'the payload')");
record.fact('notification', await notice.then(({ channel, payload }) => [channel, payload]));
await client.end();

const people = pgTable('people', {
  id: serial('id').primaryKey(),
  name: text('name').notNull(),
  age: integer('age'),
  more: jsonb('more'),
});
const pool = new pg.Pool({ ...postgres, max: 4 });
const db = drizzle({ client: pool });
await db.execute(sql`CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL, age int, more jsonb)`);
const inserted = await db
  .insert(people)
  .values(Array.from({ length: 500 }, (_, i) => ({ name: `person ${i}`, age: i % 90, more: { tags: [`t${i}`] } })))
  .returning({ id: people.id });
record.fact('inserted', inserted.length);
record.fact('one', await db.select().from(people).where(eq(people.name, 'person 77')));
record.fact(
  'rolled back',
  await db
    .transaction(async (tx) => {
      await tx.update(people).set({ age: 1 });
      tx.rollback();
    })
    .catch((error) => error.constructor.name),
);
await db.transaction((tx) => tx.update(people).set({ age: 200 }).where(eq(people.id, 1)));
const crowd = await Promise.all(
  Array.from({ length: 100 }, (_, i) =>
    db
      .select({ age: people.age })
      .from(people)
      .where(eq(people.id, i + 1)),
  ),
);
record.fact(
  'crowd',
  crowd.flat().map(({ age }) => age),
);
const queued = await Promise.all(Array.from({ length: 300 }, (_, i) => pool.query('SELECT $1::int AS n', [i])));
record.fact(
  'each its answer',
  queued.every((answer, i) => answer.rows[0].n === i),
);
await pool.end();
