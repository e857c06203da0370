//! Unnamed statements that clients share: parsed once by each server, and never to be noticed but for
//! that.

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::backend::tag;
use tidegate_proto::frontend;

use crate::two::Two;
use crate::two::parse;
use crate::two::process_id;
use crate::two::run;
use crate::two::sqlstate;

/// Whatever happens at the second time may be different at the third.
const TIMES: usize = 4;

fn shared(size: u32) -> impl FnOnce(&mut PoolerConfig) {
    move |config| config.pool = format!("pool_size = {size}\nshare_unnamed_statements = true")
}

/// A round of one unnamed statement, in one write.
fn messages(sql: &str, values: &[&str]) -> Vec<u8> {
    [
        wire::parse("", sql).unwrap(),
        wire::bind("", "", values).unwrap(),
        describe_portal(),
        wire::execute("").unwrap(),
        wire::sync(),
    ]
    .concat()
}

fn describe_portal() -> Vec<u8> {
    let mut message = Vec::new();
    let describe = frontend::Describe {
        target: frontend::Target::Portal(b""),
    };
    describe.encode(&mut message).unwrap();
    message
}

fn ask(client: &mut Wire, sql: &str, values: &[&str]) -> Result<String, WireError> {
    client.send(&messages(sql, values)).unwrap();
    client.rows()
}

/// All that answers it.
fn trace(client: &mut Wire, messages: &[u8]) -> String {
    client.send(messages).unwrap();
    let answer = client.until(tag::READY_FOR_QUERY).unwrap();
    wire::trace(&answer).unwrap()
}

/// How often this very text is prepared on the client's server.
fn prepared(client: &mut Wire, sql: &str) -> String {
    let text = sql.replace('\'', "''");
    let query = format!("select count(*) from pg_prepared_statements where statement = '{text}'");
    client.query(&query).unwrap()
}

#[test]
fn a_text_is_parsed_once_for_all_clients_from_its_second_appearance_on() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let sql = "select $1::text || '!'";
    assert_eq!(ask(&mut first, sql, &["a"]).unwrap(), "a!");
    assert_eq!(prepared(&mut first, sql), "0");
    for value in ["b", "c", "d"] {
        for client in [&mut first, &mut second] {
            assert_eq!(ask(client, sql, &[value]).unwrap(), format!("{value}!"));
            assert_eq!(prepared(client, sql), "1");
        }
    }
}

#[test]
fn every_answer_is_that_of_a_server_that_parses_each_time() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let mut direct = Wire::connect(&pooled.direct_login()).unwrap();
    direct
        .query("create table things (id int primary key, name text)")
        .unwrap();
    let cases: [(&str, &[&str]); 11] = [
        ("select $1::int + 1", &["1"]),
        ("select $1::int + 1", &["one"]),
        ("select $1::int + 1", &["1", "2"]),
        ("select 1 / $1::int", &["0"]),
        ("select 1 / 0", &[]),
        ("select * from things where id = $1", &["99999999999"]),
        ("select * from nothing where id = $1", &["1"]),
        ("select name of things", &[]),
        (
            "select 1 as a_name_that_is_longer_than_any_name_that_a_server_would_ever_keep",
            &[],
        ),
        (
            "update things set name = $1 where id = $2 returning name",
            &["a", "1"],
        ),
        ("select 1; select 2", &[]),
    ];
    let mut client = pooled.connect().unwrap();
    for (sql, values) in cases {
        let messages = messages(sql, values);
        let expected = trace(&mut direct, &messages);
        for time in 0..TIMES {
            assert_eq!(trace(&mut client, &messages), expected, "{sql}, {time}");
        }
    }
}

#[test]
fn a_table_that_changes_past_the_pool_is_not_noticed() {
    let Some(mut two) = Two::start_with(shared(2)) else {
        return;
    };
    let mut direct = Wire::connect(&two.pooled.direct_login()).unwrap();
    let mut client = two.pooled.connect().unwrap();
    direct
        .query("create table things (id int, name text); insert into things values (1, 'a')")
        .unwrap();
    let texts: [(&str, &[&str]); 3] = [
        ("select * from things", &[]),
        ("select name from things where id = $1", &["1"]),
        ("select id from things where name = $1", &["a"]),
    ];
    let changes = [
        "alter table things add column more int",
        "alter table things drop column more",
        "alter table things alter column id type bigint",
        "alter table things alter column name type bytea using name::bytea",
        "alter table things rename column id to number",
        "alter table things rename column number to id",
        "drop table things",
        "create table things (name text, id text); insert into things values ('b', '1')",
    ];
    for change in changes {
        for _ in 0..TIMES {
            for (number, (sql, values)) in [0, 1].into_iter().flat_map(|n| texts.map(|t| (n, t))) {
                two.use_server(number);
                let messages = messages(sql, values);
                let expected = trace(&mut direct, &messages);
                assert_eq!(
                    trace(&mut client, &messages),
                    expected,
                    "{sql}; before {change}"
                );
            }
        }
        direct.query(change).unwrap();
    }
}

#[test]
fn what_another_client_of_the_pool_makes_is_found_at_once() {
    let Some(pooled) = PooledDatabase::start(shared(2)).unwrap() else {
        return;
    };
    let (mut client, mut other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let make = |kind| format!("create function kind({kind}) returns text return '{kind}'");
    other.query(&make("int")).unwrap();
    let sql = "select kind($1)";
    other.query("begin").unwrap();
    for _ in 0..TIMES {
        assert_eq!(ask(&mut client, sql, &["1"]).unwrap(), "int");
    }
    // Others see it when it is committed.
    other.query(&make("text")).unwrap();
    for _ in 0..TIMES {
        assert_eq!(ask(&mut client, sql, &["1"]).unwrap(), "int");
    }
    other.query("commit").unwrap();
    // It is lent its own server again, and leaves the client the one that has parsed the text.
    other.query("begin").unwrap();
    assert_eq!(ask(&mut client, sql, &["1"]).unwrap(), "text");
}

#[test]
fn a_text_means_what_it_means_in_the_session_of_its_client() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    for schema in ["one", "two"] {
        let make = format!("create schema {schema}; create table {schema}.t as select '{schema}'");
        first.query(&make).unwrap();
    }
    first.query("set search_path = one").unwrap();
    second.query("set search_path = two").unwrap();
    second.query("set datestyle = 'ISO, DMY'").unwrap();
    for _ in 0..TIMES {
        assert_eq!(ask(&mut first, "select * from t", &[]).unwrap(), "one");
        assert_eq!(ask(&mut second, "select * from t", &[]).unwrap(), "two");
        let date = "select '01/02/2003'::date";
        assert_eq!(ask(&mut first, date, &[]).unwrap(), "2003-01-02");
        assert_eq!(ask(&mut second, date, &[]).unwrap(), "2003-02-01");
    }
    // One that has a table of its own keeps its server, and has its own meaning.
    second
        .query("create temp table t as select 'temporary'")
        .unwrap();
    assert_eq!(
        ask(&mut second, "select * from t", &[]).unwrap(),
        "temporary"
    );
}

#[test]
fn types_that_a_client_fixes_make_another_statement() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let of_type = |oid: u32| {
        let mut body = b"\0select pg_typeof($1)::text\0\0\x01".to_vec();
        body.extend(oid.to_be_bytes());
        let mut parse = vec![b'P'];
        parse.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        parse.extend(body);
        parse
    };
    for _ in 0..TIMES {
        for (oid, name) in [(23, "integer"), (20, "bigint"), (25, "text")] {
            let round = messages("", &["1"]);
            let behind = &round[wire::parse("", "").unwrap().len()..];
            client.send(&[&of_type(oid), behind].concat()).unwrap();
            assert_eq!(client.rows().unwrap(), name);
        }
    }
}

#[test]
fn the_unnamed_statement_is_there_for_later_rounds() {
    let Some(mut two) = Two::start_with(shared(2)) else {
        return;
    };
    let mut client = two.pooled.connect().unwrap();
    for number in [0, 0, 0, 1, 1] {
        two.use_server(number);
        assert_eq!(ask(&mut client, "select $1::text", &["a"]).unwrap(), "a");
        two.use_server(1 - number);
        assert_eq!(run(&mut client, "", &["b"]).unwrap(), "b");
    }
    // One that fails leaves none, and a query drops it.
    for _ in 0..TIMES {
        assert_eq!(ask(&mut client, "select $1::text", &["a"]).unwrap(), "a");
        assert_eq!(sqlstate(ask(&mut client, "select nothing", &[])), "42703");
        assert_eq!(sqlstate(run(&mut client, "", &[])), "26000");
        assert_eq!(ask(&mut client, "select $1::text", &["a"]).unwrap(), "a");
        client.query("select 1").unwrap();
        assert_eq!(sqlstate(run(&mut client, "", &["b"])), "26000");
    }
}

#[test]
fn what_means_another_time_each_time_is_parsed_each_time() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let sql = "select 'now'::timestamptz = now()";
    for _ in 0..TIMES {
        assert_eq!(ask(&mut client, sql, &[]).unwrap(), "t");
    }
    assert_eq!(prepared(&mut client, sql), "0");
}

#[test]
fn a_statement_in_a_block_is_parsed_by_its_server() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let sql = "select $1::text";
    client.query("begin").unwrap();
    for _ in 0..TIMES {
        assert_eq!(ask(&mut client, sql, &["a"]).unwrap(), "a");
    }
    client.query("commit").unwrap();
    assert_eq!(prepared(&mut client, sql), "0");
}

#[test]
fn a_named_statement_of_the_same_text_is_stale_all_the_same() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let sql = "select * from things";
    first.query("create table things (id int)").unwrap();
    parse(&mut first, "s", sql).unwrap();
    for _ in 0..TIMES {
        ask(&mut second, sql, &[]).unwrap();
    }
    pooled
        .admin("alter table things add column name text")
        .unwrap();
    for _ in 0..TIMES {
        ask(&mut second, sql, &[]).unwrap();
        assert_eq!(sqlstate(run(&mut first, "s", &[])), "0A000");
    }
}

#[test]
fn a_server_keeps_no_more_of_them_than_it_may() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = "pool_size = 1\nmax_prepared_statements = 3\nshare_unnamed_statements = true"
            .to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    for number in (0..7).cycle().take(50) {
        let sql = format!("select {number}");
        assert_eq!(ask(&mut client, &sql, &[]).unwrap(), number.to_string());
    }
    let count = "select count(*) from pg_prepared_statements";
    let count: u32 = client.query(count).unwrap().parse().unwrap();
    assert!((2..=4).contains(&count), "{count}");
}

#[test]
fn the_rounds_of_one_write_are_answered_in_their_order() {
    let Some(pooled) = PooledDatabase::start(shared(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let round = |value| messages("select $1::int", &[value]);
    for _ in 0..TIMES {
        let rounds = [
            round("1"),
            round("none"),
            round("3"),
            messages("select pg_sleep(0)", &[]),
        ];
        client.send(&rounds.concat()).unwrap();
        assert_eq!(client.rows().unwrap(), "1");
        assert_eq!(sqlstate(client.rows()), "22P02");
        assert_eq!(client.rows().unwrap(), "3");
        client.rows().unwrap();
        // The next one is said before the last one is answered.
        client.send(&round("4")).unwrap();
        client.send(&round("5")).unwrap();
        assert_eq!(client.rows().unwrap(), "4");
        assert_eq!(client.rows().unwrap(), "5");
    }
    assert!(!process_id(&mut client).is_empty());
}
