"""asyncpg in transactions, where the first statement of a block says at which server it stays.

Usage: asyncpg_blocks.py URL KEY PORT. Raises the counter KEY and reads it, each in a transaction of its
own, and ends when such a read was answered at PORT. The first thing that is wrong ends it with a
traceback and 1.
"""

import asyncio
import sys
import time

import asyncpg

URL, KEY, PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WRITE = "update counters set value = value + 1 where key = $1 returning value"
READ = "select value, port from counters, answers where key = $1"
ROUNDS = 5
LIMIT_S = 40


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


async def write(connection):
    async with connection.transaction():
        value = await connection.fetchval(WRITE, KEY)
        expect((await connection.fetchrow(READ, KEY))["value"], value)
        try:
            async with connection.transaction():
                await connection.fetchval(WRITE, KEY)
                await connection.fetchval("select 1 / 0")
        except asyncpg.DivisionByZeroError:
            pass
    return value


async def read(connection, value, isolation):
    async with connection.transaction(isolation=isolation):
        rows = [await connection.fetchrow(READ, KEY) for _ in range(3)]
    expect([row["value"] for row in rows], [value] * 3)
    expect(len({row["port"] for row in rows}), 1)
    return rows[0]["port"]


async def main():
    connection = await asyncpg.connect(URL)
    for isolation in ("read_committed", "repeatable_read"):
        for _ in range(ROUNDS):
            value = await write(connection)
            await read(connection, value, isolation)
        end = time.monotonic() + LIMIT_S
        while await read(connection, value, isolation) != PORT:
            if time.monotonic() > end:
                raise AssertionError(f"no block was at {PORT}")
    await connection.close()
    print("the tour is over")


asyncio.run(main())
