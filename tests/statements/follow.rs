//! A statement is where its client is.

use tidegate_harness::PooledDatabase;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_proto::backend::tag;
use tidegate_proto::frontend;

use crate::two::Two;
use crate::two::parse;
use crate::two::pool_of;
use crate::two::round;
use crate::two::run;
use crate::two::sqlstate;

#[test]
fn a_named_statement_follows_its_client() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    two.use_server(0);
    let sql = "select pg_backend_pid() || ' ' || $1::text";
    parse(&mut client, "s", sql).unwrap();
    for number in [0, 1, 0, 1, 1, 0] {
        two.use_server(number);
        let expected = format!("{} canary {number}", two.servers[number]);
        let row = run(&mut client, "s", &[&format!("canary {number}")]).unwrap();
        assert_eq!(row, expected);
    }
}

#[test]
fn a_statement_is_described_wherever_its_client_is() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    two.use_server(0);
    parse(&mut client, "s", "select $1::int as one, 'two' as two").unwrap();
    let mut describe = Vec::new();
    let message = frontend::Describe {
        target: frontend::Target::Statement(b"s"),
    };
    message.encode(&mut describe).unwrap();
    let described = |client: &mut Wire| {
        client
            .send(&[describe.clone(), wire::sync()].concat())
            .unwrap();
        let messages = client.until(tag::READY_FOR_QUERY).unwrap();
        wire::trace(&messages).unwrap()
    };
    let at_home = described(&mut client);
    two.use_server(1);
    assert_eq!(described(&mut client), at_home);
}

#[test]
fn an_unnamed_statement_follows_its_client_and_is_nobody_elses() {
    let Some(mut two) = Two::start() else { return };
    let (mut first, mut second) = (two.pooled.connect().unwrap(), two.pooled.connect().unwrap());
    two.use_server(0);
    parse(&mut first, "", "select 'of the first'").unwrap();
    parse(&mut second, "", "select 'of the second'").unwrap();
    for number in [0, 1, 0] {
        two.use_server(number);
        assert_eq!(run(&mut first, "", &[]).unwrap(), "of the first");
        assert_eq!(run(&mut second, "", &[]).unwrap(), "of the second");
    }
    // A query drops it, and what another client has left there is none of this one's.
    second.query("select 1").unwrap();
    parse(&mut first, "", "select 'of the first'").unwrap();
    assert_eq!(sqlstate(run(&mut second, "", &[])), "26000");
    assert_eq!(run(&mut first, "", &[]).unwrap(), "of the first");
    let mut third = two.pooled.connect().unwrap();
    assert_eq!(sqlstate(run(&mut third, "", &[])), "26000");
}

#[test]
fn a_pipeline_that_needs_a_statement_on_the_way_is_one_transaction() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    client.query("create table things (id int)").unwrap();
    two.use_server(0);
    parse(&mut client, "insert", "insert into things values ($1::int)").unwrap();
    parse(&mut client, "divide", "select 1 / $1::int").unwrap();
    let pipeline = |divisor: &str| {
        [
            wire::parse("", "insert into things values (7)").unwrap(),
            wire::bind("", "", &[]).unwrap(),
            wire::execute("").unwrap(),
            wire::bind("", "insert", &["8"]).unwrap(),
            wire::execute("").unwrap(),
            wire::bind("", "divide", &[divisor]).unwrap(),
            wire::execute("").unwrap(),
        ]
    };
    let count = "select count(*) from things";
    two.use_server(1);
    assert_eq!(sqlstate(round(&mut client, &pipeline("0"))), "22012");
    assert_eq!(client.query(count).unwrap(), "0");
    round(&mut client, &pipeline("1")).unwrap();
    assert_eq!(client.query(count).unwrap(), "2");
}

#[test]
fn a_statement_too_long_to_be_kept_keeps_its_server() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let long = |word: &str| format!("select '{word}', length('{}')", "x".repeat(200_000));
    for name in ["s", ""] {
        parse(&mut first, name, &long("first")).unwrap();
        parse(&mut second, name, &long("second")).unwrap();
        for _ in 0..3 {
            assert_eq!(run(&mut first, name, &[]).unwrap(), "first|200000");
            assert_eq!(run(&mut second, name, &[]).unwrap(), "second|200000");
        }
    }
}

#[test]
fn a_statement_prepared_in_a_transaction_outlives_its_rollback() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    client.query("begin").unwrap();
    parse(&mut client, "s", "select 'kept'").unwrap();
    client.query("rollback").unwrap();
    for number in [0, 1] {
        two.use_server(number);
        assert_eq!(run(&mut client, "s", &[]).unwrap(), "kept");
    }
    // It is prepared within a transaction that has failed only to hear that.
    two.use_server(0);
    parse(&mut client, "t", "select 't'").unwrap();
    two.use_server(1);
    client.query("begin").unwrap();
    client.query("select 1/0").unwrap_err();
    assert_eq!(sqlstate(run(&mut client, "t", &[])), "25P02");
    client.query("rollback").unwrap();
    assert_eq!(run(&mut client, "t", &[]).unwrap(), "t");
}

#[test]
fn a_statement_is_executed_by_its_name_behind_the_end_of_a_failed_block() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let ends = [
        "rollback; execute s",
        "commit work; execute s",
        "/* so */ end; select 1; execute s",
        "rollback to a; execute s",
        "commit and chain; execute s",
        "execute s",
        "select 1; rollback; execute s",
    ];
    let said = |client: &mut Wire, end: &str| {
        parse(client, "s", "select 'executed'").unwrap();
        let setup = "begin; set local TimeZone = 'Asia/Tokyo'; savepoint a";
        client.query(setup).unwrap();
        assert_eq!(sqlstate(client.query("select nonsense")), "42703");
        let heard = client
            .query(end)
            .map_err(|error| error.sqlstate().to_owned());
        let after = client
            .query("show TimeZone")
            .map_err(|error| error.sqlstate().to_owned());
        client.query("rollback").unwrap();
        (heard, after)
    };
    // What fails is under way.
    let mut client = pooled.connect().unwrap();
    parse(&mut client, "s", "select 'executed'").unwrap();
    let texts = ["begin; select nonsense", "rollback; execute s"];
    let messages = texts.map(|text| wire::query(text).unwrap());
    client.send(&messages.concat()).unwrap();
    assert_eq!(sqlstate(client.rows()), "42703");
    assert_eq!(client.rows().unwrap(), "executed");
    drop(client);
    for end in ends {
        let heard = said(&mut pooled.connect().unwrap(), end);
        let expected = said(&mut Wire::connect(&pooled.direct_login()).unwrap(), end);
        if end.contains("to a") || end.contains("chain") {
            // The server cannot be told of the name while its block has failed.
            assert_eq!(heard.0.unwrap_err(), "26000", "{end}");
            continue;
        }
        assert_eq!(heard, expected, "{end}");
    }
}
