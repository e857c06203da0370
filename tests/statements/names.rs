//! What a name means, and when it means nothing.

use tidegate_harness::PooledDatabase;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::two::Two;
use crate::two::close;
use crate::two::flush;
use crate::two::parse;
use crate::two::pool_of;
use crate::two::round;
use crate::two::run;
use crate::two::sqlstate;

#[test]
fn the_same_name_is_another_statement_for_another_client() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let mut clients: Vec<Wire> = (0..6).map(|_| pooled.connect().unwrap()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        parse(client, "s", &format!("select 'of client {number}'")).unwrap();
    }
    for _ in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            let row = run(client, "s", &[]).unwrap();
            assert_eq!(row, format!("of client {number}"));
        }
    }
}

#[test]
fn clients_that_say_the_same_share_one_statement_on_a_server() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut clients: Vec<Wire> = (0..8).map(|_| pooled.connect().unwrap()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let name = format!("name {number}");
        parse(client, &name, "select $1::text").unwrap();
        assert_eq!(run(client, &name, &["a"]).unwrap(), "a");
    }
    // The last name that was closed is closed when the next is parsed.
    parse(&mut clients[0], "other", "select 1").unwrap();
    let count = "select count(*) from pg_prepared_statements where statement like '%$1::text%'";
    assert_eq!(clients[0].query(count).unwrap(), "1");
}

#[test]
fn names_that_are_taken_or_unknown_are_refused_as_by_a_server() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    assert_eq!(sqlstate(run(&mut client, "s", &[])), "26000");
    parse(&mut client, "s", "select 'first'").unwrap();
    for number in [0, 1] {
        two.use_server(number);
        let taken = parse(&mut client, "s", "select 'second'").unwrap_err();
        assert_eq!(taken.sqlstate(), "42P05");
        let words = taken.report().map(|report| report.message.clone());
        assert_eq!(words.unwrap(), "prepared statement \"s\" already exists");
        assert_eq!(run(&mut client, "s", &[]).unwrap(), "first");
    }
    two.free();
    round(&mut client, &[close("s"), close("never there")]).unwrap();
    let unknown = run(&mut client, "s", &[]).unwrap_err();
    let words = unknown.report().map(|report| report.message.clone());
    assert_eq!(words.unwrap(), "prepared statement \"s\" does not exist");
    parse(&mut client, "s", "select 'third'").unwrap();
    assert_eq!(run(&mut client, "s", &[]).unwrap(), "third");
    // Nothing of it is left for others.
    let left = "select count(*) from pg_prepared_statements where name = 's'";
    assert_eq!(two.pooled.connect().unwrap().query(left).unwrap(), "0");
}

#[test]
fn what_a_failed_pipeline_skipped_did_not_happen() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    parse(&mut client, "kept", "select 'kept'").unwrap();
    let failing = [
        wire::parse("bad", "select nonsense").unwrap(),
        wire::parse("skipped", "select 1").unwrap(),
        close("kept"),
    ];
    assert_eq!(sqlstate(round(&mut client, &failing)), "42703");
    assert_eq!(run(&mut client, "kept", &[]).unwrap(), "kept");
    for name in ["bad", "skipped"] {
        assert_eq!(sqlstate(run(&mut client, name, &[])), "26000", "{name}");
        parse(&mut client, name, &format!("select '{name}'")).unwrap();
        assert_eq!(run(&mut client, name, &[]).unwrap(), name);
    }
    // The same across the unnamed statement.
    parse(&mut client, "", "select 'old'").unwrap();
    let failing = [
        wire::bind("", "nonsense", &[]).unwrap(),
        wire::parse("", "select 'new'").unwrap(),
    ];
    assert_eq!(sqlstate(round(&mut client, &failing)), "26000");
    assert_eq!(run(&mut client, "", &[]).unwrap(), "old");
    assert_eq!(sqlstate(parse(&mut client, "", "select nonsense")), "42703");
    assert_eq!(sqlstate(run(&mut client, "", &[])), "26000");
}

#[test]
fn statements_are_deallocated_by_name_and_all_at_once() {
    let Some(mut two) = Two::start() else { return };
    let mut client = two.pooled.connect().unwrap();
    for (all, number) in [
        ("deallocate all", 0),
        ("discard all", 1),
        ("DEALLOCATE PREPARE ALL", 0),
    ] {
        for name in ["a", "B"] {
            parse(&mut client, name, &format!("select '{name}'")).unwrap();
        }
        two.use_server(number);
        client.query("DEALLOCATE a").unwrap();
        assert_eq!(sqlstate(client.query("deallocate a")), "26000");
        assert_eq!(sqlstate(run(&mut client, "a", &[])), "26000");
        assert_eq!(run(&mut client, "B", &[]).unwrap(), "B");
        client.query("deallocate prepare \"B\";").unwrap();
        assert_eq!(sqlstate(run(&mut client, "B", &[])), "26000");
        parse(&mut client, "a", "select 'again'").unwrap();
        client.query(all).unwrap();
        assert_eq!(sqlstate(run(&mut client, "a", &[])), "26000", "{all}");
    }
    // In a failed transaction nothing is deallocated.
    parse(&mut client, "a", "select 'a'").unwrap();
    client.query("begin").unwrap();
    client.query("select 1/0").unwrap_err();
    assert_eq!(sqlstate(client.query("deallocate a")), "25P02");
    client.query("rollback").unwrap();
    assert_eq!(run(&mut client, "a", &[]).unwrap(), "a");
    // What is parsed behind it, in the same write, stays.
    let pipelined = [
        wire::query("deallocate all").unwrap(),
        wire::parse("b", "select 'b'").unwrap(),
        wire::sync(),
    ];
    client.send(&pipelined.concat()).unwrap();
    client.rows().unwrap();
    client.rows().unwrap();
    two.use_server(1);
    assert_eq!(run(&mut client, "b", &[]).unwrap(), "b");
}

#[test]
fn sql_and_the_protocol_know_the_same_names() {
    let Some(mut two) = Two::start() else { return };
    for number in [0, 1] {
        let mut client = two.pooled.connect().unwrap();
        two.use_server(0);
        parse(&mut client, "s", "select 'by the protocol', $1::text").unwrap();
        parse(&mut client, "t", "select 't'").unwrap();
        two.use_server(number);
        let execute = client.query("execute s('a')").unwrap();
        assert_eq!(execute, "by the protocol|a");
        assert_eq!(run(&mut client, "s", &["b"]).unwrap(), "by the protocol|b");
        assert_eq!(sqlstate(client.query("prepare T as select 1")), "42P05");
        client.query("prepare u as select 'by sql'").unwrap();
        assert_eq!(run(&mut client, "u", &[]).unwrap(), "by sql");
        assert_eq!(sqlstate(parse(&mut client, "u", "select 1")), "42P05");
        client.query("deallocate s; select 1").unwrap();
        assert_eq!(sqlstate(client.query("execute s('a')")), "26000");
        client.query("deallocate t").unwrap();
        assert_eq!(sqlstate(client.query("execute t")), "26000");
        parse(&mut client, "t", "select 'again'").unwrap();
        assert_eq!(client.query("execute t").unwrap(), "again");
        assert_eq!(run(&mut client, "t", &[]).unwrap(), "again");
        client.query("discard all").unwrap();
        assert_eq!(sqlstate(run(&mut client, "t", &[])), "26000");
        assert_eq!(sqlstate(client.query("execute u")), "26000");
    }
}

#[test]
fn a_round_that_is_sent_ahead_sees_what_became_of_the_one_before() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    parse(&mut client, "kept", "select 'kept'").unwrap();
    let run = |name: &str| {
        let bind = wire::bind("", name, &[]).unwrap();
        [bind, wire::execute("").unwrap(), wire::sync()].concat()
    };
    // All in one write: a name that is not given after all, and one that is not taken back.
    let said = [
        wire::parse("s", "select nonsense").unwrap(),
        close("kept"),
        wire::sync(),
        wire::parse("s", "select 's'").unwrap(),
        wire::sync(),
        run("s"),
        run("kept"),
    ];
    client.send(&said.concat()).unwrap();
    assert_eq!(sqlstate(client.rows()), "42703");
    let heard = [(); 3].map(|()| client.rows().unwrap());
    assert_eq!(heard, ["", "s", "kept"]);
    // The same of the unnamed statement, beside another client's.
    let mut other = pooled.connect().unwrap();
    parse(&mut client, "", "select 'old'").unwrap();
    parse(&mut other, "", "select 'of the other'").unwrap();
    let said = [
        wire::bind("", "never there", &[]).unwrap(),
        run(""),
        run(""),
    ];
    client.send(&said.concat()).unwrap();
    assert_eq!(sqlstate(client.rows()), "26000");
    assert_eq!(client.rows().unwrap(), "old");
}

#[test]
fn a_name_that_a_failed_round_gave_once_more_is_still_its_own_in_the_next() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let again = [
        wire::parse("", "select nonsense").unwrap(),
        wire::parse("s", "select 'another'").unwrap(),
        wire::sync(),
    ];
    // All in one write: a server knows nothing of what it has skipped.
    parse(&mut client, "s", "select 's'").unwrap();
    let deallocate = wire::query("deallocate s").unwrap();
    client.send(&[again.concat(), deallocate].concat()).unwrap();
    assert_eq!(sqlstate(client.rows()), "42703");
    assert_eq!(client.rows().unwrap(), "");
    parse(&mut client, "s", "select 's'").unwrap();
    client
        .send(&[again.concat(), again[1..].concat()].concat())
        .unwrap();
    assert_eq!(sqlstate(client.rows()), "42703");
    assert_eq!(sqlstate(client.rows()), "42P05");
    assert_eq!(run(&mut client, "s", &[]).unwrap(), "s");
}

#[test]
fn a_close_that_was_skipped_leaves_the_server_with_a_name_that_it_is_known_to_have() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    client.query("begin").unwrap();
    parse(&mut client, "s", "select 's'").unwrap();
    let again = [wire::parse("s", "select 'another'").unwrap(), close("s")];
    client.query("savepoint a").unwrap();
    assert_eq!(sqlstate(round(&mut client, &again)), "42P05");
    client.query("rollback to a").unwrap();
    client.query("deallocate s").unwrap();
    assert_eq!(sqlstate(run(&mut client, "s", &[])), "26000");
}

#[test]
fn what_follows_an_error_in_pieces_ends_the_round_that_failed() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    parse(&mut client, "s", "select 's'").unwrap();
    // The error is there before the end of its round is sent.
    let nonsense = wire::parse("", "select nonsense").unwrap();
    client.send(&[nonsense, flush()].concat()).unwrap();
    client.until_answered().unwrap();
    let deallocate = wire::query("deallocate s; select 'done'").unwrap();
    client.send(&[wire::sync(), deallocate].concat()).unwrap();
    assert_eq!(sqlstate(client.rows()), "42703");
    assert_eq!(client.rows().unwrap(), "done");
    assert_eq!(sqlstate(run(&mut client, "s", &[])), "26000");
}

#[test]
fn an_error_names_the_statement_as_its_client_has_called_it() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (long, too_long) = ("long ".repeat(10), "too long ".repeat(20));
    let names = ["a", "b", &long, &too_long];
    let words = |client: &mut Wire| {
        let mut words = Vec::new();
        for name in names {
            parse(client, name, "select $1::text").unwrap();
        }
        for name in names {
            // What is bound before it is the same statement by another name.
            let messages = [
                wire::bind("", "a", &["1"]).unwrap(),
                wire::bind("", name, &["too", "many"]).unwrap(),
                wire::bind("", "b", &["1"]).unwrap(),
            ];
            let error = round(client, &messages).unwrap_err();
            words.push(error.report().map(|report| report.message.clone()));
            assert_eq!(client.query("select 'on'").unwrap(), "on");
        }
        words
    };
    let expected = words(&mut Wire::connect(&pooled.direct_login()).unwrap());
    assert_eq!(words(&mut pooled.connect().unwrap()), expected);
}
