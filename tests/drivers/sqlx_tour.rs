//! sqlx against one address: its pool, its cache of named statements, its listener.

use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::Executor;
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgListener;
use sqlx::postgres::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::time::timeout;

const CLIENTS: i32 = 8;
const ROUNDS: i32 = 20;

/// Takes every step; panics at the first that goes wrong.
pub(crate) async fn take(url: &str) {
    let mut client = connect(url).await;
    let table = "create table sqlx_tour (id int primary key, name text)";
    client.execute(table).await.unwrap();
    types(&mut client).await;
    client.close().await.unwrap();
    join_all((0..CLIENTS).map(|number| many_clients(url, number))).await;
    pools(url).await;
    let mut client = connect(url).await;
    errors_and_savepoints(&mut client).await;
    copy_in_and_out(&mut client).await;
    large_results(&mut client).await;
    temporary_tables_and_search_paths(&mut client).await;
    client.close().await.unwrap();
    notifications(url).await;
    abandoned_queries(url).await;
    let mut client = connect(url).await;
    client.execute("drop table sqlx_tour").await.unwrap();
    client.close().await.unwrap();
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// The SQLSTATE of an error.
fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

async fn types(client: &mut PgConnection) {
    for round in 0..3_i32 {
        let row = sqlx::query(
            "select $1::int4, $2::int8, $3::float8, $4::bool, $5::text, $6::bytea, $7::int4[], \
             $8::text[], $9::text",
        )
        .bind(round)
        .bind(1_i64 << 40)
        .bind(1.5_f64)
        .bind(true)
        .bind("ä")
        .bind(vec![0_u8, 1])
        .bind(vec![Some(1), None, Some(3)])
        .bind(vec!["a", "b \"c\""])
        .bind(None::<String>)
        .fetch_one(&mut *client)
        .await
        .unwrap();
        assert_eq!(row.get::<i32, _>(0), round);
        assert_eq!(row.get::<i64, _>(1), 1 << 40);
        assert!((row.get::<f64, _>(2) - 1.5).abs() < f64::EPSILON);
        assert!(row.get::<bool, _>(3));
        assert_eq!(row.get::<&str, _>(4), "ä");
        assert_eq!(row.get::<Vec<u8>, _>(5), [0, 1]);
        assert_eq!(row.get::<Vec<Option<i32>>, _>(6), [Some(1), None, Some(3)]);
        assert_eq!(row.get::<Vec<String>, _>(7), ["a", "b \"c\""]);
        assert_eq!(row.get::<Option<String>, _>(8), None);
    }
}

/// One of the clients that work at once: every row that it gets must be its own.
async fn many_clients(url: &str, number: i32) {
    let mut client = connect(url).await;
    for round in 0..ROUNDS {
        let canary = format!("client {number} in round {round}");
        let id = 1000 + number * ROUNDS + round;
        let mut transaction = client.begin().await.unwrap();
        let echo: String = sqlx::query_scalar("select $1::text || '!'")
            .bind(&canary)
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        assert_eq!(echo, format!("{canary}!"));
        insert(&mut transaction, id, &canary).await.unwrap();
        transaction.commit().await.unwrap();
        let name: String = sqlx::query_scalar("select name from sqlx_tour where id = $1")
            .bind(id)
            .fetch_one(&mut client)
            .await
            .unwrap();
        assert_eq!(name, canary);
    }
    client.close().await.unwrap();
}

async fn insert(client: &mut PgConnection, id: i32, name: &str) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("insert into sqlx_tour values ($1, $2)");
    insert.bind(id).bind(name).execute(client).await.map(drop)
}

async fn pools(url: &str) {
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(2)
        .connect(url)
        .await
        .unwrap();
    let answers = (0..40_i32).map(|number| {
        let double = sqlx::query_scalar::<_, i32>("select $1::int4 * 2").bind(number);
        double.fetch_one(&pool)
    });
    let doubles: Result<Vec<i32>, sqlx::Error> = join_all(answers).await.into_iter().collect();
    let expected: Vec<i32> = (0..40).map(|number| number * 2).collect();
    assert_eq!(doubles.unwrap(), expected);
    pool.close().await;
}

async fn errors_and_savepoints(client: &mut PgConnection) {
    let mut transaction = client.begin().await.unwrap();
    insert(&mut transaction, 1, "one").await.unwrap();
    for _ in 0..3 {
        let mut savepoint = transaction.begin().await.unwrap();
        let twice = insert(&mut savepoint, 1, "twice").await.unwrap_err();
        assert_eq!(code(&twice).as_deref(), Some("23505"));
        savepoint.rollback().await.unwrap();
    }
    insert(&mut transaction, 2, "two").await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = client.begin().await.unwrap();
    insert(&mut transaction, 3, "lost").await.unwrap();
    let error = transaction.execute("select 1/0").await.unwrap_err();
    assert_eq!(code(&error).as_deref(), Some("22012"));
    let error = insert(&mut transaction, 4, "late").await.unwrap_err();
    assert_eq!(code(&error).as_deref(), Some("25P02"));
    // It rolls back with the next statement.
    drop(transaction);
    let count = "select count(*) from sqlx_tour where id < 1000";
    let count: i64 = sqlx::query_scalar(count).fetch_one(client).await.unwrap();
    assert_eq!(count, 2);
}

async fn copy_in_and_out(client: &mut PgConnection) {
    let lines: Vec<String> = (10_000..15_000)
        .map(|id| format!("{id}\trow {id}\n"))
        .collect();
    let lines = lines.concat();
    let mut into = client
        .copy_in_raw("copy sqlx_tour from stdin")
        .await
        .unwrap();
    into.send(lines.as_bytes()).await.unwrap();
    assert_eq!(into.finish().await.unwrap(), 5000);
    let into = client.copy_in_raw("copy sqlx_tour from stdin").await;
    into.unwrap().abort("changed my mind").await.unwrap();
    let sql = "copy (select * from sqlx_tour where id >= 10000 order by id) to stdout";
    let out = client.copy_out_raw(sql).await.unwrap();
    let chunks: Vec<bytes::Bytes> = out.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), lines.into_bytes());
}

async fn large_results(client: &mut PgConnection) {
    let sql = "select g from generate_series(1, $1::int4) g";
    let rows = sqlx::query_scalar::<_, i32>(sql).bind(20_000_i32);
    let rows: Vec<i32> = rows.fetch(&mut *client).try_collect().await.unwrap();
    assert_eq!(rows, (1..=20_000).collect::<Vec<i32>>());
    let large = "z".repeat(3_000_000);
    let echo = sqlx::query_scalar("select $1::text").bind(&large);
    let echo: String = echo.fetch_one(client).await.unwrap();
    assert_eq!(echo, large);
}

async fn temporary_tables_and_search_paths(client: &mut PgConnection) {
    let sql = "create temp table scratch (id int); insert into scratch values (1), (2)";
    client.execute(sql).await.unwrap();
    for _ in 0..3 {
        let sum = sqlx::query_scalar("select sum(id) from scratch");
        let sum: i64 = sum.fetch_one(&mut *client).await.unwrap();
        assert_eq!(sum, 3);
    }
    client.execute("drop table scratch").await.unwrap();
    for side in ["left", "right"] {
        let sql = format!(
            "create schema sqlx_{side}; create table sqlx_{side}.sided as select '{side}' as side"
        );
        client.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    for side in ["left", "right", "left"] {
        let path = format!("set search_path = sqlx_{side}");
        client.execute(AssertSqlSafe(path)).await.unwrap();
        // Under the name of the first round, which must find the other table now.
        let found = sqlx::query_scalar("select side from sided");
        let found: String = found.fetch_one(&mut *client).await.unwrap();
        assert_eq!(found, side);
    }
    let sql = "drop schema sqlx_left cascade; drop schema sqlx_right cascade; reset search_path";
    client.execute(sql).await.unwrap();
}

async fn notifications(url: &str) {
    let mut listener = PgListener::connect(url).await.unwrap();
    listener.listen("sqlx_tour").await.unwrap();
    let mut speaker = connect(url).await;
    let notify = sqlx::query("select pg_notify('sqlx_tour', $1)").bind("a payload");
    notify.execute(&mut speaker).await.unwrap();
    speaker.close().await.unwrap();
    let heard = timeout(Duration::from_secs(20), listener.recv()).await;
    assert_eq!(heard.unwrap().unwrap().payload(), "a payload");
    listener.unlisten_all().await.unwrap();
}

/// Queries that the application gave up, by a timeout of its own; sqlx sends no cancel request.
async fn abandoned_queries(url: &str) {
    for number in 0..6_i32 {
        let mut client = connect(url).await;
        let query = client.execute("select pg_sleep(60)");
        assert!(timeout(Duration::from_millis(20), query).await.is_err());
        drop(client);
        let mut next = connect(url).await;
        let echo = sqlx::query_scalar::<_, i32>("select $1::int4").bind(number);
        assert_eq!(echo.fetch_one(&mut next).await.unwrap(), number);
        next.close().await.unwrap();
    }
}
