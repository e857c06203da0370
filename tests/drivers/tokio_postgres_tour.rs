//! tokio-postgres against one address: what is awaited together is sent as one pipeline.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_postgres::AsyncMessage;
use tokio_postgres::Client;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

const CLIENTS: i32 = 8;
const ROUNDS: i32 = 20;

/// Takes every step; panics at the first that goes wrong.
pub(crate) async fn take(url: &str) {
    let client = connect(url).await;
    let table = "create table tokio_tour (id int primary key, name text)";
    client.batch_execute(table).await.unwrap();
    drop(client);
    types(&connect(url).await).await;
    join_all((0..CLIENTS).map(|number| many_clients(url, number))).await;
    pipelines(&connect(url).await).await;
    errors_and_savepoints(&mut connect(url).await).await;
    copy_in_and_out(&connect(url).await).await;
    portals(&mut connect(url).await).await;
    large_results(&connect(url).await).await;
    cancelled_query(url).await;
    temporary_tables_and_search_paths(&connect(url).await).await;
    notifications(url).await;
    reconnects(url).await;
    let client = connect(url).await;
    client.batch_execute("drop table tokio_tour").await.unwrap();
}

/// Connects; the connection is driven by a local task until it ends.
async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // Its end is the client's end; an error shows in the client's next call.
    spawn_local(async move { connection.await.ok() });
    client
}

async fn types(client: &Client) {
    let sql = "select $1::int4, $2::int8, $3::float8, $4::bool, $5::text, $6::bytea, $7::int4[], \
               $8::text[], $9::text";
    let statement = client.prepare(sql).await.unwrap();
    for round in 0..3 {
        let (numbers, texts) = (vec![Some(1), None, Some(3)], vec!["a", "b \"c\""]);
        let (bytes, nothing) = (vec![0_u8, 1], None::<String>);
        let row = client
            .query_one(
                &statement,
                &[
                    &round,
                    &(1_i64 << 40),
                    &1.5_f64,
                    &true,
                    &"ä",
                    &bytes,
                    &numbers,
                    &texts,
                    &nothing,
                ],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i32>(0), round);
        assert_eq!(row.get::<_, i64>(1), 1 << 40);
        assert!((row.get::<_, f64>(2) - 1.5).abs() < f64::EPSILON);
        assert!(row.get::<_, bool>(3));
        assert_eq!(row.get::<_, &str>(4), "ä");
        assert_eq!(row.get::<_, Vec<u8>>(5), bytes);
        assert_eq!(row.get::<_, Vec<Option<i32>>>(6), numbers);
        assert_eq!(row.get::<_, Vec<&str>>(7), texts);
        assert_eq!(row.get::<_, Option<String>>(8), nothing);
    }
}

/// One of the clients that work at once: every row that it gets must be its own.
async fn many_clients(url: &str, number: i32) {
    let mut client = connect(url).await;
    let echo = client.prepare("select $1::text || '!'").await.unwrap();
    let select = "select name from tokio_tour where id = $1";
    let select = client.prepare(select).await.unwrap();
    for round in 0..ROUNDS {
        let canary = format!("client {number} in round {round}");
        let id = 1000 + number * ROUNDS + round;
        let transaction = client.transaction().await.unwrap();
        let row = transaction.query_one(&echo, &[&canary]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), format!("{canary}!"));
        let insert = "insert into tokio_tour values ($1, $2)";
        transaction.execute(insert, &[&id, &canary]).await.unwrap();
        transaction.commit().await.unwrap();
        let row = client.query_one(&select, &[&id]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), canary);
    }
}

async fn pipelines(client: &Client) {
    let double = client.prepare("select $1::int4 * 2").await.unwrap();
    let numbers: Vec<i32> = (0..200).collect();
    let answers = numbers.iter().map(|number| async {
        let row = client.query_one(&double, &[number]).await?;
        Ok::<i32, tokio_postgres::Error>(row.get(0))
    });
    let doubles: Vec<i32> = numbers.iter().map(|number| number * 2).collect();
    assert_eq!(try_join_all(answers).await.unwrap(), doubles);
    // Each has a Sync of its own: one error does not harm its neighbours.
    let divide = client.prepare("select 10 / $1::int4").await.unwrap();
    let (before, error, after) = tokio::join!(
        client.query_one(&divide, &[&1_i32]),
        client.query_one(&divide, &[&0_i32]),
        client.query_one(&divide, &[&5_i32]),
    );
    assert_eq!(before.unwrap().get::<_, i32>(0), 10);
    assert_eq!(error.unwrap_err().code(), Some(&SqlState::DIVISION_BY_ZERO));
    assert_eq!(after.unwrap().get::<_, i32>(0), 2);
}

async fn errors_and_savepoints(client: &mut Client) {
    let insert = client
        .prepare("insert into tokio_tour values ($1, 'x')")
        .await
        .unwrap();
    let mut transaction = client.transaction().await.unwrap();
    transaction.execute(&insert, &[&1_i32]).await.unwrap();
    for _ in 0..3 {
        let savepoint = transaction.transaction().await.unwrap();
        let twice = savepoint.execute(&insert, &[&1_i32]).await.unwrap_err();
        assert_eq!(twice.code(), Some(&SqlState::UNIQUE_VIOLATION));
        savepoint.rollback().await.unwrap();
    }
    transaction.execute(&insert, &[&2_i32]).await.unwrap();
    transaction.commit().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute(&insert, &[&3_i32]).await.unwrap();
    let error = transaction.batch_execute("select 1/0").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
    let error = transaction.execute(&insert, &[&4_i32]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    drop(transaction);
    let count = "select count(*) from tokio_tour where id < 1000";
    let row = client.query_one(count, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2);
}

async fn copy_in_and_out(client: &Client) {
    let lines: Vec<String> = (10_000..15_000)
        .map(|id| format!("{id}\trow {id}\n"))
        .collect();
    let sink = client.copy_in("copy tokio_tour from stdin").await.unwrap();
    let mut sink = pin!(sink);
    for line in &lines {
        sink.feed(bytes::Bytes::from(line.clone())).await.unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), 5000);
    let sql = "copy (select * from tokio_tour where id >= 10000 order by id) to stdout";
    let out = client.copy_out(sql).await.unwrap();
    let chunks: Vec<bytes::Bytes> = out.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), lines.concat().into_bytes());
    // Dropped before its end, it is failed by the driver.
    drop(
        client
            .copy_in::<_, bytes::Bytes>("copy tokio_tour from stdin")
            .await,
    );
    let row = client.query_one("select 'after'", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "after");
}

async fn portals(client: &mut Client) {
    let transaction = client.transaction().await.unwrap();
    let portal = transaction
        .bind("select generate_series(1, 250)", &[])
        .await
        .unwrap();
    let mut seen: Vec<i32> = Vec::new();
    loop {
        let rows = transaction.query_portal(&portal, 100).await.unwrap();
        if rows.is_empty() {
            break;
        }
        seen.extend(rows.iter().map(|row| row.get::<_, i32>(0)));
    }
    assert_eq!(seen, (1..=250).collect::<Vec<i32>>());
    transaction.commit().await.unwrap();
}

async fn large_results(client: &Client) {
    let sql = "select g, repeat('x', 200) from generate_series(1, $1::int4) g";
    let rows = client.query(sql, &[&20_000_i32]).await.unwrap();
    assert_eq!(rows.len(), 20_000);
    assert_eq!(rows[19_999].get::<_, i32>(0), 20_000);
    let large = "z".repeat(3_000_000);
    let row = client
        .query_one("select $1::text", &[&large])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), large);
}

async fn cancelled_query(url: &str) {
    let client = connect(url).await;
    let cancel = client.cancel_token();
    let query = client.batch_execute("select pg_sleep(30)");
    let (answer, ()) = tokio::join!(query, async {
        let other = connect(url).await;
        let running = "select count(*) from pg_stat_activity \
                       where query = 'select pg_sleep(30)' and datname = current_database()";
        while other
            .query_one(running, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {}
        cancel.cancel_query(NoTls).await.unwrap();
    });
    assert_eq!(answer.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    let row = client.query_one("select 'after'", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "after");
}

async fn temporary_tables_and_search_paths(client: &Client) {
    let sql = "create temp table scratch (id int); insert into scratch values (1), (2)";
    client.batch_execute(sql).await.unwrap();
    let sum = client.prepare("select sum(id) from scratch").await.unwrap();
    for _ in 0..3 {
        let row = client.query_one(&sum, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 3);
    }
    client.batch_execute("drop table scratch").await.unwrap();
    for side in ["left", "right"] {
        let sql = format!(
            "create schema tokio_{side}; create table tokio_{side}.sided as select '{side}' as side"
        );
        client.batch_execute(&sql).await.unwrap();
    }
    for side in ["left", "right", "left"] {
        let path = format!("set search_path = tokio_{side}");
        client.batch_execute(&path).await.unwrap();
        let row = client
            .query_one("select side from sided", &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), side);
    }
    let sql = "drop schema tokio_left cascade; drop schema tokio_right cascade";
    client.batch_execute(sql).await.unwrap();
}

async fn notifications(url: &str) {
    let (listener, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let (hears, mut heard) = mpsc::channel(1);
    spawn_local(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                hears.send(notification.payload().to_owned()).await.unwrap();
            }
        }
    });
    listener.batch_execute("listen tokio_tour").await.unwrap();
    let speaker = connect(url).await;
    let notify = "select pg_notify('tokio_tour', 'a payload')";
    speaker.batch_execute(notify).await.unwrap();
    let payload = timeout(Duration::from_secs(20), heard.recv()).await;
    assert_eq!(payload.unwrap().unwrap(), "a payload");
    listener.batch_execute("unlisten *").await.unwrap();
}

async fn reconnects(url: &str) {
    for number in 0..10_i32 {
        let client = connect(url).await;
        let row = client.query_one("select $1::int4", &[&number]).await;
        assert_eq!(row.unwrap().get::<_, i32>(0), number);
        if number % 2 == 1 {
            client.batch_execute("begin").await.unwrap();
        }
    }
}
