"""psycopg 3 against one connection string: every way in which it talks to a server.

Usage: psycopg_tour.py DSN. Prints one line for each thing that worked and exits 0; the first that
did not ends it with a traceback and 1. It makes only tables of its own, named after its process.
"""

import asyncio
import os
import sys

import psycopg

TABLE = f"psycopg_tour_{os.getpid()}"


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
        with cursor.copy(f"copy (select * from {TABLE} where id >= 100) to stdout") as out:
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
            waiting = asyncio.create_task(connection.execute("select pg_sleep(30)"))
            # The cancel must meet the query: wait until the server runs it.
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
                running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(30)'"
                while (await (await other.execute(running)).fetchone())[0] == 0:
                    pass
            connection.cancel()
            try:
                await waiting
                raise AssertionError("the query was not cancelled")
            except psycopg.errors.QueryCanceled:
                pass
            expect(await (await connection.execute("select 3")).fetchone(), (3,))

    asyncio.run(asyncio.wait_for(run(), 25))


def drop_table(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"drop table {TABLE}")


def main():
    dsn = sys.argv[1]
    for step in [simple_queries, extended_queries, transactions, copy, errors, pipeline, cancel, drop_table]:
        step(dsn)
        print(step.__name__.replace("_", " "), "ok", flush=True)


main()
