// node-postgres through replicas that lag: whatever it writes, it reads.
//
// Usage: node pg_reads.cjs URL KEY PORT. Raises the counter KEY and reads it, and ends when a read was
// answered at PORT. The first read that is wrong ends it with its stack and 1.
'use strict';

const assert = require('node:assert/strict');
const { Client } = require('pg');

const [url, key, port] = process.argv.slice(2);
const write = 'update counters set value = value + 1 where key = $1 returning value';
const read = 'select value, port from counters, answers where key = $1';
const rounds = 30;
const limitMs = 40_000;

async function untilAtTheReplica(ask, value) {
  const end = Date.now() + limitMs;
  for (;;) {
    const { rows } = await ask();
    assert.equal(rows[0].value, value);
    if (String(rows[0].port) === port) return;
    assert.ok(Date.now() < end, `no read was answered at ${port}`);
  }
}

async function main() {
  const client = new Client({ connectionString: url });
  await client.connect();
  const ways = [
    () => client.query(read, [key]),
    () => client.query({ name: 'read', text: read, values: [key] }),
    () => client.query(read.replace('$1', key)),
  ];
  let value;
  for (let round = 0; round < rounds; round += 1) {
    ({ value } = (await client.query(write, [key])).rows[0]);
    for (const way of ways) assert.equal((await way()).rows[0].value, value);
    await client.query('begin read only');
    assert.equal((await ways[1]()).rows[0].value, value);
    await client.query('commit');
  }
  for (const way of ways) await untilAtTheReplica(way, value);
  await client.end();
  console.log('the tour is over');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
