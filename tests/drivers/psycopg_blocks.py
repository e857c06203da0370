"""psycopg 3 without autocommit, where the first statement of a block says at which server it stays.

Usage: psycopg_blocks.py DSN KEY PORT. Raises the counter KEY and reads it, each in a transaction of its
own, and ends when such a read was answered at PORT. The first thing that is wrong ends it with a
traceback and 1.
"""

import sys
import time

import psycopg

DSN, KEY, PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WRITE = "update counters set value = value + 1 where key = %s returning value"
READ = "select value, port from counters, answers where key = %s"
READ_BEFORE_WRITE = "select value from counters where key = %s"
ROUNDS = 5
LIMIT_S = 40


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


def write(connection):
    (value,) = connection.execute(WRITE, (KEY,)).fetchone()
    expect(connection.execute(READ, (KEY,)).fetchone()[0], value)
    connection.commit()
    return value


def read(connection, value):
    ports = set()
    for _ in range(3):
        found, port = connection.execute(READ, (KEY,)).fetchone()
        expect(found, value)
        ports.add(port)
    connection.commit()
    expect(len(ports), 1)
    return ports.pop()


def read_and_write(connection):
    """As an ORM does; what is refused for having begun at a replica is so once."""
    for is_again in (False, True):
        try:
            (before,) = connection.execute(READ_BEFORE_WRITE, (KEY,)).fetchone()
            (value,) = connection.execute(WRITE, (KEY,)).fetchone()
            connection.commit()
        except psycopg.errors.ReadOnlySqlTransaction:
            connection.rollback()
            if is_again:
                raise
        else:
            expect(value, before + 1)
            return value


def nested(connection):
    """Savepoints, and what fails within them."""
    (value,) = connection.execute(WRITE, (KEY,)).fetchone()
    try:
        with connection.transaction():
            connection.execute(WRITE, (KEY,))
            connection.execute("select 1 / 0")
    except psycopg.errors.DivisionByZero:
        pass
    connection.commit()
    return value


def until_at_the_replica(ask):
    end = time.monotonic() + LIMIT_S
    while ask() != PORT:
        if time.monotonic() > end:
            raise AssertionError(f"no block was at {PORT}")


for threshold in (None, 0):
    for level in (None, psycopg.IsolationLevel.REPEATABLE_READ):
        with psycopg.connect(DSN, prepare_threshold=threshold) as connection:
            connection.isolation_level = level
            for _ in range(ROUNDS):
                for act in (write, read_and_write, nested):
                    value = act(connection)
                    read(connection, value)
            until_at_the_replica(lambda: read(connection, value))
            with connection.pipeline():
                cursors = [connection.execute(sql, (KEY,)) for sql in (READ, READ)]
            connection.commit()
            expect([cursor.fetchone()[0] for cursor in cursors], [value, value])
            with connection.pipeline():
                cursors = [connection.execute(sql, (KEY,)) for sql in (WRITE, READ)]
            connection.commit()
            expect([cursor.fetchone()[0] for cursor in cursors], [value + 1, value + 1])
print("the tour is over")
