// node-postgres against one address: the simple and the extended protocol, pools, cursors, COPY.
//
// Usage: node pg_tour.cjs URL. Prints one line for each thing that worked and exits 0; the first
// that did not ends it with its stack and 1. It makes only tables of its own, named after its process.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { Client, Pool } = require('pg');
const Cursor = require('pg-cursor');
const copy = require('pg-copy-streams');

const url = process.argv[2];
const table = `node_tour_${process.pid}`;
const clients = 8;
const rounds = 20;

async function connected(work, settings = {}) {
  const client = new Client({ connectionString: url, ...settings });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function fails(promise, code) {
  await assert.rejects(promise, (error) => error.code === code);
}

const steps = {
  'simple queries': () =>
    connected(async (client) => {
      const results = await client.query("select 1 as one; select 'two' as two; select 3 where false");
      assert.deepEqual(results.map((result) => result.rows), [[{ one: 1 }], [{ two: 'two' }], []]);
    }),

  'parameters and types': () =>
    connected(async (client) => {
      const values = [41, 'ä', Buffer.from([0, 1]), [1, 2, 3], ['a', 'b "c"', null], { a: [1] }, null, true];
      const { rows } = await client.query({
        text: 'select $1::int, $2::text, $3::bytea, $4::int[], $5::text[], $6::jsonb, $7::int, $8::bool',
        values: values.map((value) => (value?.a ? JSON.stringify(value) : value)),
        rowMode: 'array',
      });
      assert.deepEqual(rows, [values]);
    }),

  tables: () =>
    connected((client) => client.query(`create table ${table} (id int primary key, name text)`)),

  'many clients': async () => {
    const client = (number) =>
      connected(async (client) => {
        for (let round = 0; round < rounds; round += 1) {
          const canary = `client ${number} in round ${round}`;
          const id = 1000 + number * rounds + round;
          await client.query('begin');
          const echo = { name: 'echo', text: "select $1::text || '!' as echo", values: [canary] };
          assert.equal((await client.query(echo)).rows[0].echo, `${canary}!`);
          await client.query({ name: 'insert', text: `insert into ${table} values ($1, $2)`, values: [id, canary] });
          await client.query('commit');
          const select = { name: 'select', text: `select name from ${table} where id = $1`, values: [id] };
          assert.equal((await client.query(select)).rows[0].name, canary);
        }
      });
    await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    const { rows } = await connected((client) => client.query(`select count(*)::int as count from ${table}`));
    assert.equal(rows[0].count, clients * rounds);
  },

  'a pool': async () => {
    const pool = new Pool({ connectionString: url, max: 2 });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, number) => pool.query('select $1::int * 2 as double', [number])),
    );
    assert.deepEqual(results.map((result) => result.rows[0].double), Array.from({ length: 40 }, (_, n) => n * 2));
    await pool.end();
  },

  'errors and savepoints': () =>
    connected(async (client) => {
      const insert = (id) => client.query({ name: 'insert', text: `insert into ${table} values ($1, 'x')`, values: [id] });
      await client.query('begin');
      await insert(1);
      await client.query('savepoint here');
      await fails(insert(1), '23505');
      await fails(insert(2), '25P02');
      await client.query('rollback to savepoint here');
      await insert(2);
      await client.query('commit');
      await client.query('begin');
      await insert(3);
      await fails(client.query('select 1/0'), '22012');
      assert.equal((await client.query('commit')).command, 'ROLLBACK');
      await fails(client.query('select no_such_column'), '42703');
      await fails(client.query({ name: 'broken', text: 'selec $1', values: [1] }), '42601');
      await fails(client.query('select $1::int', ['no number']), '22P02');
      const { rows } = await client.query(`select id from ${table} where id < 1000 order by id`);
      assert.deepEqual(rows, [{ id: 1 }, { id: 2 }]);
    }),

  'copy in and out': () =>
    connected(async (client) => {
      const lines = Array.from({ length: 5000 }, (_, number) => `${10000 + number}\trow ${number}\n`);
      await pipeline(Readable.from(lines), client.query(copy.from(`copy ${table} from stdin`)));
      const chunks = [];
      const out = client.query(copy.to(`copy (select * from ${table} where id >= 10000 order by id) to stdout`));
      for await (const chunk of out) chunks.push(chunk);
      assert.equal(Buffer.concat(chunks).toString(), lines.join(''));
      const twice = pipeline(Readable.from(lines), client.query(copy.from(`copy ${table} from stdin`)));
      await fails(twice, '23505');
      assert.equal((await client.query("select 'after' as copied")).rows[0].copied, 'after');
    }),

  cursors: () =>
    connected(async (client) => {
      await client.query('begin');
      const cursor = client.query(new Cursor('select generate_series(1, $1::int) as n', [250]));
      const seen = [];
      for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100)) {
        seen.push(...rows.map((row) => row.n));
      }
      assert.deepEqual(seen, Array.from({ length: 250 }, (_, n) => n + 1));
      const left = client.query(new Cursor('select generate_series(1, 1000)'));
      assert.equal((await left.read(10)).length, 10);
      await left.close();
      await client.query('commit');
    }),

  'large results': () =>
    connected(async (client) => {
      const { rows } = await client.query("select g, repeat('x', 200) as x from generate_series(1, $1::int) g", [20000]);
      assert.equal(rows.length, 20000);
      assert.deepEqual(rows[19999], { g: 20000, x: 'x'.repeat(200) });
      const large = 'z'.repeat(3000000);
      assert.equal((await client.query('select $1::text as large', [large])).rows[0].large, large);
    }),

  'a cancelled query': () =>
    connected(async (client) => {
      const sleeping = client.query(`select pg_sleep(60), '${table}'`);
      const cancelled = fails(sleeping, '57014');
      await connected(async (other) => {
        const cancel =
          'select pg_cancel_backend(pid) as is_cancelled from pg_stat_activity ' +
          "where query like 'select pg_sleep(60), ''' || $1 || '%' and state = 'active'";
        while ((await other.query(cancel, [table])).rows.length === 0);
      });
      await cancelled;
      assert.equal((await client.query("select 'after' as cancelled")).rows[0].cancelled, 'after');
    }),

  'a timeout of the server': () =>
    connected(
      async (client) => {
        await fails(client.query('select pg_sleep(60)'), '57014');
        assert.equal((await client.query('show statement_timeout')).rows[0].statement_timeout, '200ms');
      },
      { statement_timeout: 200 },
    ),

  'settings of the connection': () =>
    connected(
      async (client) => {
        for (let round = 0; round < 3; round += 1) {
          assert.equal((await client.query('show application_name')).rows[0].application_name, table);
          assert.equal((await client.query('show search_path')).rows[0].search_path, 'pg_catalog');
        }
      },
      { application_name: table, options: '-c search_path=pg_catalog' },
    ),

  'temporary tables': () =>
    connected(async (client) => {
      await client.query('create temp table scratch (id int)');
      for (let id = 0; id < 5; id += 1) await client.query('insert into scratch values ($1)', [id]);
      assert.equal((await client.query('select sum(id)::int as sum from scratch')).rows[0].sum, 10);
      await client.query('drop table scratch');
    }),

  'search paths': () =>
    connected(async (client) => {
      for (const side of ['left', 'right']) {
        await client.query(`create schema ${table}_${side}; create table ${table}_${side}.sided as select '${side}' as side`);
      }
      for (const side of ['left', 'right', 'left']) {
        await client.query(`set search_path = ${table}_${side}`);
        assert.equal((await client.query({ name: 'side', text: 'select side from sided' })).rows[0].side, side);
      }
      await client.query(`drop schema ${table}_left cascade; drop schema ${table}_right cascade`);
    }),

  notifications: () =>
    connected(async (listener) => {
      await listener.query(`listen ${table}`);
      const heard = once(listener, 'notification');
      await connected((speaker) => speaker.query('select pg_notify($1, $2)', [table, 'a payload']));
      const [{ channel, payload }] = await heard;
      assert.deepEqual([channel, payload], [table, 'a payload']);
      await listener.query('unlisten *');
    }),

  reconnects: async () => {
    for (let number = 0; number < 10; number += 1) {
      const client = new Client({ connectionString: url });
      client.on('error', () => {});
      await client.connect();
      assert.equal((await client.query('select $1::int as number', [number])).rows[0].number, number);
      // Every second one leaves without a goodbye, in a transaction.
      if (number % 2) {
        await client.query('begin');
        client.connection.stream.destroy();
      } else {
        await client.end();
      }
    }
  },

  'drop table': () => connected((client) => client.query(`drop table ${table}`)),
};

async function main() {
  console.log(`node-postgres ${require('./package.json').dependencies.pg}, node ${process.version}`);
  for (const [name, step] of Object.entries(steps)) {
    await step();
    console.log(`${name} ok`);
  }
  console.log('the tour is over');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
