"""asyncpg through replicas that lag: whatever it writes, it reads.

Usage: asyncpg_reads.py URL KEY PORT. Raises the counter KEY and reads it, and ends when a read was
answered at PORT. The first read that is wrong ends it with a traceback and 1.
"""

import asyncio
import sys
import time

import asyncpg

URL, KEY, PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WRITE = "update counters set value = value + 1 where key = $1 returning value"
READ = "select value, port from counters, answers where key = $1"
ROUNDS = 30
LIMIT_S = 40


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


async def read_only_block(connection, value):
    async with connection.transaction(readonly=True):
        for _ in range(2):
            found, port = await connection.fetchrow(READ, KEY)
            expect(found, value)
    return port


async def until_at_the_replica(read, value):
    end = time.monotonic() + LIMIT_S
    while True:
        found, port = await read()
        expect(found, value)
        if port == PORT:
            return
        if time.monotonic() > end:
            raise AssertionError(f"no read was answered at {PORT}")


async def main():
    connection = await asyncpg.connect(URL)
    statement = await connection.prepare(READ)
    for _ in range(ROUNDS):
        value = await connection.fetchval(WRITE, KEY)
        for _ in range(3):
            expect(await connection.fetchval(READ, KEY), value)
            expect(await statement.fetchval(KEY), value)
        await read_only_block(connection, value)
    await until_at_the_replica(lambda: connection.fetchrow(READ, KEY), value)
    await until_at_the_replica(lambda: statement.fetchrow(KEY), value)

    async def block():
        return value, await read_only_block(connection, value)

    await until_at_the_replica(block, value)
    await connection.close()
    print("the tour is over")


asyncio.run(main())
