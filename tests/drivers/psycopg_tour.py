"""psycopg 3 against one connection string: every way in which it talks to a server.

Usage: psycopg_tour.py DSN. Prints one line for each thing that worked and exits 0; the first that
did not ends it with a traceback and 1. It makes only tables of its own, named after its process.
"""

import asyncio
import concurrent.futures
import os
import socket
import sys
import uuid

import psycopg

TABLE = f"psycopg_tour_{os.getpid()}"
CLIENTS = 8
ROUNDS = 20


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


def simple_queries(dsn):
    # Without parameters psycopg sends a simple query; several statements give several results.
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute("select 1; select 'two'")
        expect(cursor.fetchone(), (1,))
        expect(cursor.nextset(), True)
        expect(cursor.fetchone(), ("two",))


def extended_queries(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("select %s::int + 1, %s::text, %s::bytea", (41, "ä", b"\0\1"))
        expect(row.fetchone(), (42, "ä", b"\0\1"))
        rows = connection.execute("select generate_series(1, %s)", (10_000,)).fetchall()
        expect(len(rows), 10_000)
        binary = connection.cursor(binary=True)
        expect(binary.execute("select %s::float8", (1.5,)).fetchone(), (1.5,))


def transactions(dsn):
    with psycopg.connect(dsn) as connection:
        connection.execute(f"create table {TABLE} (id int primary key, name text)")
        connection.commit()
        connection.execute(f"insert into {TABLE} values (1, 'kept')")
        connection.commit()
        connection.execute(f"insert into {TABLE} values (2, 'lost')")
        connection.rollback()
        expect(connection.execute(f"select id from {TABLE}").fetchall(), [(1,)])
        with connection.transaction():
            connection.execute(f"insert into {TABLE} values (3, 'kept')")
            try:
                with connection.transaction():
                    connection.execute(f"insert into {TABLE} values (4, 'lost')")
                    raise KeyError("to the savepoint")
            except KeyError:
                pass
        expect(connection.execute(f"select array_agg(id order by id) from {TABLE}").fetchone(), ([1, 3],))


def copy(dsn):
    with psycopg.connect(dsn) as connection:
        cursor = connection.cursor()
        with cursor.copy(f"copy {TABLE} from stdin") as into:
            for number in range(100, 5100):
                into.write_row((number, f"row {number}"))
        with cursor.copy(f"copy (select * from {TABLE} where id between 100 and 5099) to stdout") as out:
            expect(sum(1 for _ in out.rows()), 5000)
        connection.commit()
        try:
            with cursor.copy(f"copy {TABLE} from stdin") as into:
                into.write_row((6000, "never"))
                raise KeyError("the client gives up")
        except (psycopg.errors.QueryCanceled, KeyError):
            connection.rollback()
        expect(connection.execute(f"select count(*) from {TABLE} where id = 6000").fetchone(), (0,))


def errors(dsn):
    with psycopg.connect(dsn) as connection:
        for statement, state in [
            ("select 1/0", "22012"),
            ("select nothing", "42703"),
            (f"insert into {TABLE} values (1, 'twice')", "23505"),
        ]:
            try:
                connection.execute(statement)
                raise AssertionError(f"{statement} did not fail")
            except psycopg.Error as error:
                expect(error.sqlstate, state)
            try:
                connection.execute("select 1")
                raise AssertionError("a failed transaction went on")
            except psycopg.errors.InFailedSqlTransaction:
                connection.rollback()
        expect(connection.execute("select 1").fetchone(), (1,))


def pipeline(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("select %s::int", (number,)) for number in range(200)]
        expect([cursor.fetchone()[0] for cursor in cursors], list(range(200)))
        try:
            with connection.pipeline() as line:
                good = connection.execute("select %s::int", (7,))
                line.sync()
                connection.execute("select 1 / %s::int", (0,))
                connection.execute("select 'skipped'")
                line.sync()
            raise AssertionError("the error in the pipeline was lost")
        except psycopg.errors.DivisionByZero:
            expect(good.fetchone(), (7,))
        expect(connection.execute("select 2").fetchone(), (2,))


def cancel(dsn):
    async def run():
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        async with connection:
            # Others may sleep at the same time, and servers that are idle tell what they ran last.
            sleep = f"select pg_sleep(30), '{uuid.uuid4()}'"
            waiting = asyncio.create_task(connection.execute(sleep))
            # The cancel must meet the query: wait until the server runs it.
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
                running = "select count(*) from pg_stat_activity where query = %s and state = 'active'"
                while (await (await other.execute(running, (sleep,))).fetchone())[0] == 0:
                    pass
            connection.cancel()
            try:
                await waiting
                raise AssertionError("the query was not cancelled")
            except psycopg.errors.QueryCanceled:
                pass
            expect(await (await connection.execute("select 3")).fetchone(), (3,))

    asyncio.run(asyncio.wait_for(run(), 25))


def types(dsn):
    values = (41, 2**40, 1.5, True, "ä", b"\0\1", [1, None, 3], [["a", "b"], ["c", "d"]], None)
    query = "select %s::int, %s::int8, %s::float8, %s::bool, %s::text, %s::bytea, %s::int[], %s::text[], %s::text"
    with psycopg.connect(dsn, autocommit=True) as connection:
        for binary in [False, True]:
            # From the sixth time on psycopg prepares it, by a name.
            for _ in range(8):
                expect(connection.execute(query, values, binary=binary).fetchone(), values)


def many_clients(dsn):
    def client(number):
        with psycopg.connect(dsn) as connection:
            for round_ in range(ROUNDS):
                canary, id_ = f"client {number} in round {round_}", 10_000 + number * ROUNDS + round_
                echo = connection.execute("select %s::text || '!'", (canary,), prepare=True)
                expect(echo.fetchone(), (canary + "!",))
                connection.execute(f"insert into {TABLE} values (%s, %s)", (id_, canary), prepare=True)
                connection.commit()
                found = connection.execute(f"select name from {TABLE} where id = %s", (id_,))
                expect(found.fetchone(), (canary,))
                connection.rollback()

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(client, range(CLIENTS)))


def server_cursors(dsn):
    with psycopg.connect(dsn) as connection:
        with connection.cursor(name="a cursor", scrollable=True) as cursor:
            cursor.itersize = 100
            cursor.execute("select generate_series(1, %s)", (250,))
            expect([row[0] for row in cursor], list(range(1, 251)))
            cursor.scroll(10, mode="absolute")
            expect(cursor.fetchmany(2), [(11,), (12,)])
        with connection.cursor(name="held", withhold=True) as cursor:
            cursor.execute("select generate_series(1, 3)")
            connection.commit()
            expect(cursor.fetchall(), [(1,), (2,), (3,)])
        stream = connection.cursor().stream("select generate_series(1, 1000)")
        expect(sum(1 for _ in stream), 1000)


def large_results(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute("select g, repeat('x', 200) from generate_series(1, %s) g", (20_000,))
        expect(rows.fetchall()[-1], (20_000, "x" * 200))
        large = "z" * 3_000_000
        expect(connection.execute("select %s::text", (large,)).fetchone(), (large,))


def settings(dsn):
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pg_catalog -c work_mem=8MB") as connection:
        for _ in range(3):
            expect(connection.execute("show search_path").fetchone(), ("pg_catalog",))
            expect(connection.execute("show work_mem").fetchone(), ("8MB",))
        connection.execute("set statement_timeout = '200ms'")
        try:
            connection.execute("select pg_sleep(60)")
            raise AssertionError("no timeout")
        except psycopg.errors.QueryCanceled:
            pass
        expect(connection.execute("show statement_timeout").fetchone(), ("200ms",))


def temporary_tables(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create temp table scratch (id int)")
        for number in range(8):
            connection.execute("insert into scratch values (%s)", (number,))
        expect(connection.execute("select sum(id) from scratch").fetchone(), (28,))
        connection.execute("drop table scratch")


def search_paths(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        for side in ["left", "right"]:
            connection.execute(f"create schema {TABLE}_{side}")
            connection.execute(f"create table {TABLE}_{side}.sided as select '{side}' as side")
        for side in ["left", "right", "left"]:
            connection.execute(f"set search_path = {TABLE}_{side}")
            for _ in range(3):
                expect(connection.execute("select side from sided", prepare=True).fetchone(), (side,))
        connection.execute(f"drop schema {TABLE}_left, {TABLE}_right cascade")


def notifications(dsn):
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute(f"listen {TABLE}")
        with psycopg.connect(dsn, autocommit=True) as speaker:
            speaker.execute("select pg_notify(%s, %s)", (TABLE, "a payload"))
        heard = [notify.payload for notify in listener.notifies(timeout=20, stop_after=1)]
        expect(heard, ["a payload"])
        listener.execute("unlisten *")


def reconnects(dsn):
    for number in range(10):
        connection = psycopg.connect(dsn)
        expect(connection.execute("select %s::int", (number,)).fetchone(), (number,))
        # Every second one leaves without a goodbye, in a transaction.
        if number % 2:
            socket.socket(fileno=os.dup(connection.fileno())).shutdown(socket.SHUT_RDWR)
        else:
            connection.close()


def drop_table(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"drop table {TABLE}")


def main():
    dsn = sys.argv[1]
    print("psycopg", psycopg.__version__, "libpq", psycopg.pq.version())
    steps = [
        simple_queries, extended_queries, types, transactions, many_clients, copy, errors, pipeline, server_cursors,
        large_results, settings, cancel, temporary_tables, search_paths, notifications, reconnects, drop_table,
    ]
    for step in steps:
        step(dsn)
        print(step.__name__.replace("_", " "), "ok", flush=True)


main()
