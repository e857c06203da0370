//! `SHOW tidegate.lsn`: what it tells, and to whom, whatever stands around it.

use std::time::Duration;

use tidegate_harness::DelayingRelay;
use tidegate_harness::NodeOptions;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::round;
use crate::world::LIMIT;
use crate::world::World;

const SHOW: &str = "show tidegate.lsn";

/// One with a table to write to, whose clients share a server.
fn one_server(table: &str, tenant: &str) -> Option<World> {
    let world = World::start(&format!("pool_size = 1\n{tenant}"))?;
    world.prepare(&format!(
        "create table {table} (number int); grant all on {table} to public"
    ));
    Some(world)
}

fn queries(texts: &[&str]) -> Vec<u8> {
    let words = texts.iter().map(|text| wire::query(text).unwrap());
    words.collect::<Vec<_>>().concat()
}

/// What is told to a client that says all of this at once.
fn told(client: &mut Wire, texts: &[&str]) -> Vec<String> {
    client.send(&queries(texts)).unwrap();
    texts.iter().map(|_| client.rows().unwrap()).collect()
}

fn assert_later(world: &World, lsn: &str, before: &str) {
    let is_later = format!("select '{lsn}'::pg_lsn > '{before}'");
    assert_eq!(world.database_row(&is_later), "t", "{lsn} and {before}");
}

#[test]
fn it_tells_of_all_that_stands_before_it() {
    let Some(world) = one_server("told", "") else {
        return;
    };
    let mut client = world.connect();
    let insert = "insert into told values (1)";
    let long = format!("select '{}'", "x".repeat(200_000));
    for texts in [
        &[insert, "SHOW tidegate.lsn"][..],
        &["begin", insert, "commit", "show Tidegate.LSN;"],
        &[insert, SHOW, insert, SHOW],
        &[insert, SHOW, &long],
    ] {
        let before = world.database_row("select pg_current_wal_insert_lsn()");
        let answers = told(&mut client, texts);
        let last = texts
            .iter()
            .rposition(|text| text.to_lowercase().starts_with(SHOW));
        let lsn = &answers[last.unwrap()];
        assert_later(&world, lsn, &before);
        let rows = world.database_row("select count(*) from told");
        // Whoever is told of it reads what had been written before it.
        let mut other = world.connect();
        other
            .query(&format!("set tidegate.min_lsn = '{lsn}'"))
            .unwrap();
        assert_eq!(other.query("select count(*) from told").unwrap(), rows);
    }
}

#[test]
fn what_is_said_before_it_is_answered_does_not_make_it_tell_too_little() {
    let mut relay = None;
    let options = NodeOptions {
        node: "workers = 1",
        tenant: "pool_size = 1",
        ..NodeOptions::default()
    };
    let world = World::start_at(&options, "", |[primary, replica]| {
        let way = relay.insert(DelayingRelay::to(primary, Duration::ZERO).unwrap());
        [way.port(), replica]
    });
    let (Some(world), Some(relay)) = (world, &relay) else {
        return;
    };
    world.prepare("create table early (number int); grant all on early to public");
    let mut client = world.connect();
    client.query("set application_name = 'early'").unwrap();
    client.query(SHOW).unwrap();
    client.query("select 1").unwrap();
    // The answer takes longer to come back than the next words to be said.
    relay.set_round_trip(Duration::from_secs(1));
    client.send(&queries(&[SHOW])).unwrap();
    let sql = format!(
        "select count(*) from pg_stat_activity where application_name = 'early' and query = '{SHOW}'"
    );
    let is_there = || world.primary.psql(&sql).unwrap() == "1";
    polling::until_true("the first one to be at the primary", LIMIT, is_there).unwrap();
    client
        .send(&queries(&["insert into early values (1)", SHOW]))
        .unwrap();
    let answers = [0; 3].map(|_| client.rows().unwrap());
    assert_later(&world, &answers[2], &answers[0]);
}

#[test]
fn it_waits_for_statements_that_a_server_does_not_know_yet() {
    let Some(world) = one_server("named", "") else {
        return;
    };
    // The second one has no server of its own before the first is gone, so that names are made known.
    let (mut one, mut two) = (world.connect(), world.connect());
    let parse = wire::parse("add", "insert into named values (1)").unwrap();
    one.send(&[parse, wire::sync()].concat()).unwrap();
    one.rows().unwrap();
    two.query("discard all").unwrap();
    for _ in 0..3 {
        two.query("set application_name = 'two'").unwrap();
        let before = world.database_row("select pg_current_wal_insert_lsn()");
        let words = [round("add", None, &[]), queries(&[SHOW])].concat();
        one.send(&words).unwrap();
        one.rows().unwrap();
        let lsn = one.rows().unwrap();
        assert_later(&world, &lsn, &before);
    }
}

#[test]
fn it_is_told_to_nobody_else() {
    let Some(world) = one_server("unused", "") else {
        return;
    };
    let (mut one, mut two) = (world.connect(), world.connect());
    one.query("set tidegate.min_lsn = '0/77'").unwrap();
    assert_eq!(
        told(&mut one, &[SHOW, "set application_name = 'one'"])[0],
        "0/77"
    );
    // Within a block it is the server that answers, and it has forgotten.
    assert_eq!(told(&mut two, &["begin", SHOW, "commit"]), ["", "", ""]);
}

#[test]
fn what_stands_around_it_is_carried_out_once() {
    let Some(world) = one_server("around", "share_unnamed_statements = true") else {
        return;
    };
    let count = || world.database_row("select count(*) from around");
    let mut client = world.connect();
    let text = "insert into around values (1)";
    let insert = round("", Some(text), &[]);
    for _ in 0..3 {
        let behind = queries(&[SHOW, text]);
        client.send(&[&*insert, &behind].concat()).unwrap();
        let answers = [0; 3].map(|_| client.rows().unwrap());
        assert!(answers[1].contains('/'), "{answers:?}");
    }
    assert_eq!(count(), "6");
    // Its client has said that it leaves, and says no more.
    let slow = "insert into around select 1 from pg_sleep(0.2)";
    let words = [queries(&[slow, SHOW, text]), wire::terminate()].concat();
    client.send(&words).unwrap();
    client.finish().unwrap();
    let answers = [0; 3].map(|_| client.rows().unwrap());
    assert!(answers[1].contains('/'), "{answers:?}");
    assert_eq!(count(), "8");
}

#[test]
fn behind_what_waits_for_more_of_its_client_it_is_refused_as_by_the_server() {
    let Some(world) = one_server("copied", "") else {
        return;
    };
    let mut client = world.connect();
    client
        .send(&queries(&["copy copied from stdin", SHOW]))
        .unwrap();
    client.rows().unwrap_err();
    let mut other = world.connect();
    assert_eq!(other.query("select count(*) from copied").unwrap(), "0");
}
