//! What makes the unnamed statement go, for its client and on a server that others use too.

use tidegate_harness::PooledDatabase;
use tidegate_harness::wire;

use crate::two::flush;
use crate::two::parse;
use crate::two::pool_of;
use crate::two::round;
use crate::two::run;
use crate::two::sqlstate;

#[test]
fn a_query_that_deallocates_a_name_drops_the_unnamed_statement_too() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    parse(&mut first, "s", "select 's'").unwrap();
    parse(&mut first, "", "select $1::text").unwrap();
    // The same text is one statement for both.
    parse(&mut second, "", "select $1::text").unwrap();
    first.query("deallocate s").unwrap();
    assert_eq!(run(&mut second, "", &["kept"]).unwrap(), "kept");
    assert_eq!(sqlstate(run(&mut first, "", &["dropped"])), "26000");
}

#[test]
fn what_a_failed_round_did_to_the_unnamed_statement_is_undone_whole() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let two = [
        wire::parse("", "select 'first'").unwrap(),
        wire::parse("", "select 'second'").unwrap(),
    ];
    // None of it was read: the error comes first.
    parse(&mut client, "", "select 'kept'").unwrap();
    let skipped = [wire::bind("", "never given", &[]).unwrap(), two.concat()];
    assert_eq!(sqlstate(round(&mut client, &skipped)), "26000");
    assert_eq!(run(&mut client, "", &[]).unwrap(), "kept");
    // The first one fails, and has dropped what was there; the others are not read.
    let failed = [wire::parse("", "select nonsense").unwrap(), two.concat()];
    assert_eq!(sqlstate(round(&mut client, &failed)), "42703");
    assert_eq!(sqlstate(run(&mut client, "", &[])), "26000");
}

#[test]
fn a_failed_round_leaves_no_unnamed_statement_of_another_client() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let use_it = [
        wire::bind("", "", &[]).unwrap(),
        wire::execute("").unwrap(),
        wire::sync(),
    ]
    .concat();
    let fail = wire::bind("", "never given", &[]).unwrap();
    parse(&mut first, "", "select 'of the first'").unwrap();
    // Both in one write, and one after the other.
    let both = [fail, use_it.clone(), use_it.clone()];
    second.send(&both.concat()).unwrap();
    assert_eq!(sqlstate(second.rows()), "26000");
    assert_eq!(sqlstate(second.rows()), "26000");
    second.send(&use_it).unwrap();
    assert_eq!(sqlstate(second.rows()), "26000");
    assert_eq!(run(&mut first, "", &[]).unwrap(), "of the first");
}

#[test]
fn a_long_unnamed_statement_that_is_skipped_leaves_the_one_before_it() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    parse(&mut first, "", "select 'kept'").unwrap();
    parse(&mut second, "", "select 'of another client'").unwrap();
    let long = format!("select '{}'", "x".repeat(100_000));
    let skipped = [
        wire::bind("", "never given", &[]).unwrap(),
        wire::parse("", &long).unwrap(),
    ];
    assert_eq!(sqlstate(round(&mut first, &skipped)), "26000");
    assert_eq!(run(&mut first, "", &[]).unwrap(), "kept");
}

#[test]
fn a_query_that_is_skipped_behind_an_error_drops_no_unnamed_statement() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    parse(&mut first, "", "select 'of the first'").unwrap();
    // The error is there before the query is sent.
    let fail = wire::bind("", "never given", &[]).unwrap();
    first.send(&[fail, flush()].concat()).unwrap();
    first.until_answered().unwrap();
    let skipped = wire::query("select 'skipped'").unwrap();
    first.send(&[skipped, wire::sync()].concat()).unwrap();
    assert_eq!(sqlstate(first.rows()), "26000");
    assert_eq!(sqlstate(run(&mut second, "", &[])), "26000");
    assert_eq!(run(&mut first, "", &[]).unwrap(), "of the first");
}

#[test]
fn a_deallocate_that_is_skipped_behind_an_error_drops_nothing() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    parse(&mut client, "s", "select 'named'").unwrap();
    parse(&mut client, "", "select 'unnamed'").unwrap();
    let fail = wire::bind("", "never given", &[]).unwrap();
    client.send(&[fail, flush()].concat()).unwrap();
    client.until_answered().unwrap();
    // None of it ends the skipping.
    let skipped = ["select 'skipped'", "deallocate s", "execute s"];
    let skipped = skipped.map(|sql| wire::query(sql).unwrap());
    client.send(&skipped.concat()).unwrap();
    client.send(&wire::sync()).unwrap();
    assert_eq!(sqlstate(client.rows()), "26000");
    assert_eq!(run(&mut client, "", &[]).unwrap(), "unnamed");
    assert_eq!(run(&mut client, "s", &[]).unwrap(), "named");
}

#[test]
fn a_query_that_its_server_cannot_read_leaves_no_unnamed_statement_of_another_client() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let mut unreadable = wire::query("select '?'").unwrap();
    let at = unreadable.iter().position(|byte| *byte == b'?').unwrap();
    unreadable[at] = 0xe4;
    let use_it = [
        wire::bind("", "", &[]).unwrap(),
        wire::execute("").unwrap(),
        wire::sync(),
    ]
    .concat();
    parse(&mut first, "", "select 'of the first'").unwrap();
    // Both in one write, and one after the other.
    second.send(&[unreadable, use_it].concat()).unwrap();
    assert_eq!(sqlstate(second.rows()), "22021");
    assert_eq!(sqlstate(second.rows()), "26000");
    assert_eq!(sqlstate(run(&mut second, "", &[])), "26000");
    assert_eq!(run(&mut first, "", &[]).unwrap(), "of the first");
}
