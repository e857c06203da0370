// postgres.js against one address: everything prepared by name and sent as one pipeline.
//
// Usage: node postgres_tour.cjs URL. Prints one line for each thing that worked and exits 0; the
// first that did not ends it with its stack and 1. It makes only tables of its own, named after its
// process.
'use strict';

const assert = require('node:assert/strict');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const postgres = require('postgres');

const url = process.argv[2];
const table = `postgres_tour_${process.pid}`;
const clients = 8;
const rounds = 20;
const heard = [];

async function connected(work, settings = {}) {
  const sql = postgres(url, { max: 1, onnotice: (notice) => heard.push(notice.message), ...settings });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function fails(promise, code) {
  await assert.rejects(promise, (error) => error.code === code);
}

const steps = {
  'parameters and types': () =>
    connected(async (sql) => {
      const date = new Date('2024-02-03T04:05:06Z');
      const [row] = await sql`
        select ${41}::int as a, ${'ä'}::text as b, ${Buffer.from([0, 1])}::bytea as c, ${[1, 2, 3]}::int[] as d,
               ${['a', 'b "c"']}::text[] as e, ${sql.json({ a: [1] })}::jsonb as f, ${null}::int as g,
               ${true}::bool as h, ${date}::timestamptz as i`;
      assert.deepEqual(
        { ...row },
        { a: 41, b: 'ä', c: Buffer.from([0, 1]), d: [1, 2, 3], e: ['a', 'b "c"'], f: { a: [1] }, g: null, h: true, i: date },
      );
    }),

  'simple queries': () =>
    connected(async (sql) => {
      const results = await sql`select 1 as one; select 2 as two`.simple();
      assert.deepEqual(results.map((rows) => ({ ...rows[0] })), [{ one: 1 }, { two: 2 }]);
    }),

  tables: () => connected((sql) => sql`create table ${sql(table)} (id int primary key, name text)`),

  'many clients': async () => {
    const client = (number) =>
      connected(async (sql) => {
        for (let round = 0; round < rounds; round += 1) {
          const canary = `client ${number} in round ${round}`;
          const id = 1000 + number * rounds + round;
          await sql.begin(async (sql) => {
            const [{ echo }] = await sql`select ${canary}::text || '!' as echo`;
            assert.equal(echo, `${canary}!`);
            await sql`insert into ${sql(table)} ${sql({ id, name: canary })}`;
          });
          const [{ name }] = await sql`select name from ${sql(table)} where id = ${id}`;
          assert.equal(name, canary);
        }
      });
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    const [{ count }] = await connected((sql) => sql`select count(*)::int from ${sql(table)}`);
    assert.equal(count, clients * rounds);
  },

  'a pool and its pipelines': () =>
    connected(
      async (sql) => {
        const rows = await Promise.all(Array.from({ length: 300 }, (_, number) => sql`select ${number}::int * 2 as double`));
        assert.deepEqual(rows.map(([row]) => row.double), Array.from({ length: 300 }, (_, n) => n * 2));
      },
      { max: 2 },
    ),

  'errors in a pipeline': () =>
    connected(async (sql) => {
      const divide = (by) => sql`select 10 / ${by}::int as part`;
      const results = await Promise.allSettled([divide(1), divide(0), divide(2), sql`select no_such_column`, divide(5)]);
      const found = results.map(({ value, reason }) => reason?.code ?? value[0].part);
      assert.deepEqual(found, [10, '22012', 5, '42703', 2]);
    }),

  'errors and savepoints': () =>
    connected(async (sql) => {
      const insert = (sql, id) => sql`insert into ${sql(table)} values (${id}, 'x')`;
      await sql.begin(async (sql) => {
        await insert(sql, 1);
        await fails(sql.savepoint((sql) => insert(sql, 1)), '23505');
        await insert(sql, 2);
      });
      const broken = sql.begin(async (sql) => {
        await insert(sql, 3);
        await sql`select 1/0`;
      });
      await fails(broken, '22012');
      const rows = await sql`select id from ${sql(table)} where id < 1000 order by id`;
      assert.deepEqual(rows.map((row) => row.id), [1, 2]);
    }),

  'copy in and out': () =>
    connected(async (sql) => {
      const lines = Array.from({ length: 5000 }, (_, number) => `${10000 + number}\trow ${number}\n`);
      await pipeline(Readable.from(lines), await sql`copy ${sql(table)} from stdin`.writable());
      const chunks = [];
      const out = await sql`copy (select * from ${sql(table)} where id >= 10000 order by id) to stdout`.readable();
      for await (const chunk of out) chunks.push(chunk);
      assert.equal(Buffer.concat(chunks).toString(), lines.join(''));
    }),

  cursors: () =>
    connected(async (sql) => {
      const seen = [];
      await sql`select generate_series(1, 250) as n`.cursor(100, (rows) => {
        seen.push(...rows.map((row) => row.n));
      });
      assert.deepEqual(seen, Array.from({ length: 250 }, (_, n) => n + 1));
      for await (const rows of sql`select generate_series(1, 1000) as n`.cursor(10)) {
        assert.equal(rows.length, 10);
        break;
      }
      assert.equal((await sql`select 'after' as cursor`)[0].cursor, 'after');
    }),

  'large results': () =>
    connected(async (sql) => {
      const rows = await sql`select g, repeat('x', 200) as x from generate_series(1, 20000) g`;
      assert.equal(rows.length, 20000);
      assert.deepEqual({ ...rows[19999] }, { g: 20000, x: 'x'.repeat(200) });
      const large = 'z'.repeat(3000000);
      assert.equal((await sql`select ${large}::text as large`)[0].large, large);
    }),

  'a cancelled query': () =>
    connected(async (sql) => {
      const sleeping = sql`select pg_sleep(60), ${table}::text`;
      const cancelled = fails(sleeping.execute(), '57014');
      await connected(async (other) => {
        // It is active while it is only parsed, too, and what comes between that and its execution
        // cancels nothing.
        const running = () => other`select 1 from pg_stat_activity
          where query like 'select pg_sleep(60)%' and datname = current_database() and wait_event = 'PgSleep'`;
        while ((await running()).length === 0);
      });
      await sleeping.cancel();
      await cancelled;
      assert.equal((await sql`select 'after' as cancelled`)[0].cancelled, 'after');
    }),

  'settings of the connection': () =>
    connected(
      async (sql) => {
        for (let round = 0; round < 3; round += 1) {
          assert.equal((await sql`show application_name`)[0].application_name, table);
          assert.equal((await sql`show search_path`)[0].search_path, 'pg_catalog');
        }
      },
      { connection: { application_name: table, search_path: 'pg_catalog' } },
    ),

  'temporary tables': () =>
    connected(async (sql) => {
      await sql`create temp table scratch (id int)`;
      for (let id = 0; id < 5; id += 1) await sql`insert into scratch values (${id})`;
      assert.equal((await sql`select sum(id)::int as sum from scratch`)[0].sum, 10);
      await sql`drop table scratch`;
    }),

  'search paths': () =>
    connected(async (sql) => {
      for (const side of ['left', 'right']) {
        await sql.unsafe(`create schema ${table}_${side}; create table ${table}_${side}.sided as select '${side}' as side`);
      }
      for (const side of ['left', 'right', 'left']) {
        await sql.unsafe(`set search_path = ${table}_${side}`);
        assert.equal((await sql`select side from sided`)[0].side, side);
      }
      await sql.unsafe(`drop schema ${table}_left cascade; drop schema ${table}_right cascade`);
    }),

  notifications: () =>
    connected(async (sql) => {
      let tell;
      const payload = new Promise((resolve) => (tell = resolve));
      const { unlisten } = await sql.listen(table, tell);
      await sql.notify(table, 'a payload');
      assert.equal(await payload, 'a payload');
      await unlisten();
    }),

  reconnects: async () => {
    for (let number = 0; number < 10; number += 1) {
      await connected(async (sql) => assert.equal((await sql`select ${number}::int as number`)[0].number, number));
    }
  },

  'drop table': () => connected((sql) => sql`drop table ${sql(table)}`),
};

async function main() {
  console.log(`postgres.js ${require('./package.json').dependencies.postgres}, node ${process.version}`);
  for (const [name, step] of Object.entries(steps)) {
    await step();
    console.log(`${name} ok`);
  }
  assert.ok(heard.some((message) => message.includes('cascades')), 'no notice was heard');
  console.log('the tour is over');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
