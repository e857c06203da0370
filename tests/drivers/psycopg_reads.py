"""psycopg 3 through replicas that lag: whatever it writes, it reads.

Usage: psycopg_reads.py DSN KEY PORT. Raises the counter KEY and reads it, and ends when a read was
answered at PORT. The first read that is wrong ends it with a traceback and 1.
"""

import sys
import time

import psycopg

DSN, KEY, PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WRITE = "update counters set value = value + 1 where key = %s returning value"
READ = "select value, port from counters, answers where key = %s"
ROUNDS = 30
LIMIT_S = 40


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


def raise_and_read(connection):
    (value,) = connection.execute(WRITE, (KEY,)).fetchone()
    for _ in range(3):
        expect(connection.execute(READ, (KEY,)).fetchone()[0], value)
    with connection.cursor() as cursor:
        with cursor.copy(f"copy (select value from counters where key = {KEY}) to stdout") as out:
            expect([row for row in out.rows()], [(str(value),)])
    return value


def read_only_block(connection, value):
    connection.autocommit = False
    connection.read_only = True
    for _ in range(2):
        found, port = connection.execute(READ, (KEY,)).fetchone()
        expect(found, value)
    connection.commit()
    connection.read_only = None
    connection.autocommit = True
    return port


def until_at_the_replica(read, value):
    end = time.monotonic() + LIMIT_S
    while True:
        found, port = read()
        expect(found, value)
        if port == PORT:
            return
        if time.monotonic() > end:
            raise AssertionError(f"no read was answered at {PORT}")


for threshold in (None, 0):
    with psycopg.connect(DSN, autocommit=True, prepare_threshold=threshold) as connection:
        for _ in range(ROUNDS):
            value = raise_and_read(connection)
            read_only_block(connection, value)
        until_at_the_replica(lambda: connection.execute(READ, (KEY,)).fetchone(), value)
        until_at_the_replica(lambda: (value, read_only_block(connection, value)), value)
        with connection.pipeline():
            cursors = [connection.execute(sql, (KEY,)) for sql in (READ, WRITE, READ, WRITE, READ)]
        expect([cursor.fetchone()[0] - value for cursor in cursors], [0, 1, 1, 2, 2])
print("the tour is over")
