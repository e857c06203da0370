"""asyncpg against one address: prepared statements in binary, as applications use them.

Usage: asyncpg_tour.py URL. Prints one line for each thing that worked and exits 0; the first that
did not ends it with a traceback and 1. It makes only tables of its own, named after its process.
"""

import asyncio
import datetime
import decimal
import os
import sys
import uuid

import asyncpg

URL = sys.argv[1]
NAME = f"asyncpg_tour_{os.getpid()}"
CLIENTS = 8
ROUNDS = 20


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


async def fails(awaitable, error):
    try:
        await awaitable
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def connected(step):
    async def run():
        connection = await asyncpg.connect(URL)
        try:
            await step(connection)
        finally:
            await connection.close()

    run.__name__ = step.__name__
    return run


@connected
async def types_in_binary(connection):
    now = datetime.datetime(2024, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
    values = [
        41, 2**40, 1.5, True, "ä", b"\0\1", decimal.Decimal("12.50"), now, uuid.UUID(int=7),
        [1, None, 3], [["a", "b"], ["c", "d"]], None,
    ]
    row = await connection.fetchrow(
        "select $1::int, $2::int8, $3::float8, $4::bool, $5::text, $6::bytea, $7::numeric,"
        " $8::timestamptz, $9::uuid, $10::int[], $11::text[], $12::text",
        *values,
    )
    expect(list(row), values)
    expect(await connection.fetchval("select int4range(1, 5)"), asyncpg.Range(1, 5))


@connected
async def tables(connection):
    await connection.execute(
        f"create type {NAME}_mood as enum ('sad', 'happy');"
        f"create table {NAME} (id int primary key, name text, moods {NAME}_mood[])"
    )
    # An unknown type makes asyncpg look into the catalogue, by statements of its own.
    await connection.execute(f"insert into {NAME} values ($1, $2, $3)", 1, "one", ["happy", "sad"])
    row = await connection.fetchrow(f"select * from {NAME} where id = $1", 1)
    expect(tuple(row), (1, "one", ["happy", "sad"]))


async def many_clients():
    async def client(number):
        connection = await asyncpg.connect(URL)
        for round_ in range(ROUNDS):
            canary = f"client {number} in round {round_}"
            async with connection.transaction():
                expect(await connection.fetchval("select $1::text || '!'", canary), canary + "!")
                identity = 1000 + number * ROUNDS + round_
                await connection.execute(f"insert into {NAME} (id, name) values ($1, $2)", identity, canary)
            found = await connection.fetchval(f"select name from {NAME} where id = $1", identity)
            expect(found, canary)
        await connection.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))


@connected
async def the_rows_of_all_clients(connection):
    count = await connection.fetchval(f"select count(*) from {NAME} where id >= 1000")
    expect(count, CLIENTS * ROUNDS)


async def a_pool_of_connections():
    async with asyncpg.create_pool(URL, min_size=1, max_size=2) as pool:
        async def use(number):
            async with pool.acquire() as connection:
                await connection.execute("set search_path = pg_catalog")
                return await connection.fetchval("select $1::int * 2", number)

        expect(await asyncio.gather(*map(use, range(30))), [2 * number for number in range(30)])
        # What a connection set was reset when it went back to asyncpg's own pool.
        expect(await pool.fetchval("show search_path"), '"$user", public')


@connected
async def errors_and_savepoints(connection):
    insert = await connection.prepare(f"insert into {NAME} (id, name) values ($1, $2)")
    async with connection.transaction():
        await insert.fetch(2, "two")
        for _ in range(3):
            try:
                async with connection.transaction():
                    await insert.fetch(1, "twice")
            except asyncpg.UniqueViolationError:
                pass
        await insert.fetch(3, "three")
    transaction = connection.transaction()
    await transaction.start()
    await insert.fetch(4, "lost")
    await fails(connection.fetch("select 1/0"), asyncpg.DivisionByZeroError)
    await fails(connection.fetch("select 1"), asyncpg.InFailedSQLTransactionError)
    await transaction.rollback()
    await fails(connection.fetch("select no_such_column"), asyncpg.UndefinedColumnError)
    rows = await connection.fetch(f"select id from {NAME} where id < 1000 order by id")
    expect([row["id"] for row in rows], [1, 2, 3])


@connected
async def copy_in_and_out(connection):
    records = [(number, f"row {number}") for number in range(10_000, 15_000)]
    done = await connection.copy_records_to_table(NAME, records=records, columns=["id", "name"])
    expect(done, "COPY 5000")
    lines = bytearray()

    async def keep(data):
        lines.extend(data)

    query = f"select id, name from {NAME} where id >= 10000 order by id"
    expect(await connection.copy_from_query(query, output=keep), "COPY 5000")
    expect(lines.decode().splitlines(), [f"{number}\t{name}" for number, name in records])
    again = connection.copy_records_to_table(NAME, records=records[:3], columns=["id", "name"])
    await fails(again, asyncpg.UniqueViolationError)
    expect(await connection.fetchval("select 'after the copy'"), "after the copy")


@connected
async def cursors(connection):
    async with connection.transaction():
        seen = [row[0] async for row in connection.cursor("select generate_series(1, $1::int)", 500)]
        expect(seen, list(range(1, 501)))
        cursor = await connection.cursor("select generate_series(1, 10)")
        await cursor.forward(4)
        expect([row[0] for row in await cursor.fetch(2)], [5, 6])


@connected
async def many_at_once(connection):
    await connection.executemany(
        f"insert into {NAME} (id, name) values ($1, $2)", [(20_000 + n, str(n)) for n in range(2000)]
    )
    rows = await connection.fetch(f"select id, name from {NAME} where id >= 20000 order by id")
    expect([(row["id"], row["name"]) for row in rows], [(20_000 + n, str(n)) for n in range(2000)])


@connected
async def large_results(connection):
    rows = await connection.fetch("select g, repeat('x', 200) from generate_series(1, $1::int) g", 20_000)
    expect((len(rows), rows[-1][0], len(rows[-1][1])), (20_000, 20_000, 200))
    expect(len(await connection.fetchval("select repeat('y', $1::int)", 5_000_000)), 5_000_000)
    sent = "z" * 3_000_000
    expect(await connection.fetchval("select $1::text", sent), sent)


@connected
async def a_timeout_cancels(connection):
    await fails(connection.fetch("select pg_sleep(60)", timeout=0.2), asyncio.TimeoutError)
    expect(await connection.fetchval("select 'after the timeout'"), "after the timeout")


@connected
async def temporary_tables(connection):
    await connection.execute("create temp table scratch (id int)")
    for number in range(5):
        await connection.execute("insert into scratch values ($1)", number)
    expect(await connection.fetchval("select sum(id) from scratch"), 10)
    await connection.execute("drop table scratch")


@connected
async def search_paths(connection):
    for schema in ["left", "right"]:
        await connection.execute(
            f"create schema {NAME}_{schema};"
            f"create table {NAME}_{schema}.sided as select '{schema}' as side"
        )
    for schema in ["left", "right", "left"]:
        await connection.execute(f"set search_path = {NAME}_{schema}")
        expect(await connection.fetchval("select side from sided"), schema)
    await connection.execute(f"drop schema {NAME}_left cascade; drop schema {NAME}_right cascade")


async def notifications():
    listener, speaker = await asyncpg.connect(URL), await asyncpg.connect(URL)
    heard = asyncio.Queue()
    await listener.add_listener(NAME, lambda *heard_of: heard.put_nowait(heard_of[2:]))
    await speaker.execute(f"select pg_notify('{NAME}', 'a payload')")
    expect(await asyncio.wait_for(heard.get(), 20), (NAME, "a payload"))
    await listener.remove_listener(NAME, print)
    await listener.close()
    await speaker.close()


async def reconnects():
    for number in range(10):
        connection = await asyncpg.connect(URL)
        expect(await connection.fetchval("select $1::int", number), number)
        # Every second one leaves without a goodbye, in a transaction.
        if number % 2:
            await connection.execute("begin")
            connection.terminate()
        else:
            await connection.close()


@connected
async def drop_tables(connection):
    await connection.execute(f"drop table {NAME}; drop type {NAME}_mood")


async def main():
    print("asyncpg", asyncpg.__version__)
    steps = [
        types_in_binary, tables, many_clients, the_rows_of_all_clients, a_pool_of_connections,
        errors_and_savepoints, copy_in_and_out, cursors, many_at_once, large_results,
        a_timeout_cancels, temporary_tables, search_paths, notifications, reconnects, drop_tables,
    ]
    for step in steps:
        await step()
        print(step.__name__.replace("_", " "), "ok", flush=True)
    print("the tour is over")


asyncio.run(asyncio.wait_for(main(), 110))
