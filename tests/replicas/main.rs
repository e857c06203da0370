//! Reads go to replicas, and nobody can tell but by how long they take. With real streaming
//! replication.
#![cfg(test)]

mod blocks;
mod explained;
mod first_statements;
mod refused;
mod shown_lsn;
mod taken_back;
mod watched;
mod ways;
mod world;

use std::time::Duration;

use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use self::world::LIMIT;
use self::world::PRIMARY;
use self::world::REPLICA;
use self::world::WHO;
use self::world::World;
use self::world::world;

/// What takes longer than this has happened elsewhere.
const SHORT: Duration = Duration::from_secs(3);

/// Parses, binds and executes in one round.
fn round(statement: &str, sql: Option<&str>, values: &[&str]) -> Vec<u8> {
    let parse = sql.map(|sql| wire::parse(statement, sql).unwrap());
    [
        parse.unwrap_or_default(),
        wire::bind("", statement, values).unwrap(),
        wire::execute("").unwrap(),
        wire::sync(),
    ]
    .concat()
}

#[test]
fn a_read_goes_to_the_replica_and_a_client_sees_what_it_has_written() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    client.query("create table written (number int)").unwrap();
    for number in 1..=50 {
        client
            .query(&format!("insert into written values ({number})"))
            .unwrap();
        let seen = client.query("select count(*) from written").unwrap();
        assert_eq!(seen, number.to_string());
    }
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica again", LIMIT, is_there).unwrap();
}

#[test]
fn what_only_a_replica_can_tell_to_write_is_done_by_the_primary_and_remembered() {
    let Some(world) = world() else {
        return;
    };
    world.prepare(
        "create sequence hidden; create view hides as select nextval('hidden') as number;\
         grant all on sequence hidden to public; grant all on hides to public",
    );
    let refusals = || world.standby.log().matches("from hides").count();
    let mut number = 0;
    let mut next = || {
        number += 1;
        let mut client = world.reader();
        let seen = client.query("select number from hides").unwrap();
        assert_eq!(seen, number.to_string());
        refusals()
    };
    polling::until_true("the replica to be asked", LIMIT, || next() == 1).unwrap();
    for _ in 0..3 {
        assert_eq!(next(), 1, "it is asked once");
    }
    let mut client = world.reader();
    let sql = "select number * 0 + $1 from hides";
    for (statement, sql) in [("", Some(sql)), ("named", Some(sql)), ("named", None)] {
        client.send(&round(statement, sql, &["7"])).unwrap();
        assert_eq!(client.rows().unwrap(), "7");
    }
    assert!(refusals() <= 2, "the other text is another one");
}

#[test]
fn a_named_statement_whose_round_is_taken_back_has_its_name_once() {
    let Some(world) = world() else {
        return;
    };
    world.prepare(
        "create sequence once; create view only_once as select nextval('once') as number;\
         grant all on sequence once to public; grant all on only_once to public",
    );
    let mut client = world.reader();
    let sql = "select number * $1::int from only_once";
    client.send(&round("mine", Some(sql), &["10"])).unwrap();
    assert_eq!(client.rows().unwrap(), "10");
    client.send(&round("mine", None, &["10"])).unwrap();
    assert_eq!(client.rows().unwrap(), "20");
    // The name is taken, as it is without a replica.
    client.send(&round("mine", Some(sql), &["10"])).unwrap();
    assert_eq!(client.rows().unwrap_err().sqlstate(), "42P05");
}

#[test]
fn rounds_in_one_write_are_answered_in_their_order_wherever_each_goes() {
    let Some(world) = world() else {
        return;
    };
    world.prepare("create table mixed (number int); grant all on mixed to public");
    let mut client = world.reader();
    let rounds = [
        wire::query(WHO).unwrap(),
        wire::query("insert into mixed values (7) returning number").unwrap(),
        round("", Some("select max(number) + $1 from mixed"), &["1"]),
        wire::query("begin; insert into mixed values (8); select 'in a block'").unwrap(),
        wire::query("select count(*) from mixed").unwrap(),
        wire::query("commit; select 'over'").unwrap(),
        round("", Some("select sum(number) from mixed"), &[]),
    ];
    client.send(&rounds.concat()).unwrap();
    let answers: Vec<_> = rounds.iter().map(|_| client.rows().unwrap()).collect();
    assert_eq!(answers[1..], ["7", "8", "in a block", "2", "over", "15"]);
}

#[test]
fn a_transaction_that_says_it_only_reads_is_the_replicas_until_it_is_over() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    let block = [
        wire::query("begin read only").unwrap(),
        wire::query(WHO).unwrap(),
        wire::query("select pg_is_in_recovery()").unwrap(),
    ];
    // A server that was opened a moment ago is not known well enough.
    polling::until_true("a block at the replica", LIMIT, || {
        client.send(&block.concat()).unwrap();
        let answers: Vec<_> = block.iter().map(|_| client.rows().unwrap()).collect();
        let is_there = answers == ["", REPLICA, "t"];
        if !is_there {
            assert_eq!(answers, ["", PRIMARY, "f"]);
            client.query("commit").unwrap();
        }
        is_there
    })
    .unwrap();
    let refused = client.query("create table no (number int)").unwrap_err();
    assert_eq!(refused.sqlstate(), "25006");
    client.query("rollback").unwrap();
    assert_eq!(client.query("select pg_is_in_recovery()").unwrap(), "f");
    // Any other block is the primary's.
    client.query("begin").unwrap();
    assert_eq!(client.query(WHO).unwrap(), PRIMARY);
    client.query("commit").unwrap();
}

#[test]
fn a_client_may_say_itself_where_it_wants_to_read() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    assert_eq!(
        client
            .query(&format!("/* tidegate:primary */ {WHO}"))
            .unwrap(),
        PRIMARY
    );
    let there = "/* tidegate:replica */ select pg_is_in_recovery()";
    let is_there = || client.query(there).unwrap() == "t";
    polling::until_true("a question to the replica", LIMIT, is_there).unwrap();
    client.query("set tidegate.route = 'primary'").unwrap();
    assert_eq!(client.query(WHO).unwrap(), PRIMARY);
    client.query("set tidegate.route = 'replica'").unwrap();
    let is_there = || client.query("select pg_is_in_recovery()").unwrap() == "t";
    polling::until_true("a question to the replica", LIMIT, is_there).unwrap();
    // Each write that the primary takes because the replica is behind is one more to be waited for.
    let is_refused = || {
        polling::until_true("a question to the replica", LIMIT, || {
            client.query("select pg_is_in_recovery()").unwrap() == "t"
        })
        .unwrap();
        let made = client.query("create temp table no (number int); drop table no");
        made.is_err_and(|refused| refused.sqlstate() == "25006")
    };
    polling::until_true("a write at the replica", LIMIT, is_refused).unwrap();
}

#[test]
fn what_follows_a_round_at_a_replica_survives_a_prepared_statement_there() {
    let Some(world) = world() else {
        return;
    };
    world.prepare("create table followed (number int); grant all on followed to public");
    let mut client = world.reader();
    // Prepared at the primary, and used where nobody knows it.
    client.query("begin").unwrap();
    client
        .send(&round(
            "s",
            Some("select $1::int + count(*) from followed"),
            &["1"],
        ))
        .unwrap();
    assert_eq!(client.rows().unwrap(), "1");
    client.query("commit").unwrap();
    let who = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica", LIMIT, who).unwrap();
    let rounds = [
        round("s", None, &["5"]),
        round("s", None, &["6"]),
        wire::query("insert into followed values (1) returning number").unwrap(),
        round("s", None, &["6"]),
    ];
    client.send(&rounds.concat()).unwrap();
    let answers: Vec<_> = rounds.iter().map(|_| client.rows().unwrap()).collect();
    assert_eq!(answers, ["5", "6", "1", "7"]);
}

#[test]
fn an_lsn_can_be_passed_on_to_whoever_must_see_the_same() {
    let Some(world) = world() else {
        return;
    };
    let (mut one, mut two) = (world.reader(), world.reader());
    one.query("create table passed (number int)").unwrap();
    one.query("insert into passed values (1)").unwrap();
    let lsn = one.query("SHOW tidegate.lsn;").unwrap();
    let (high, low) = lsn.split_once('/').unwrap();
    assert!(u32::from_str_radix(high, 16).is_ok() && u32::from_str_radix(low, 16).is_ok());
    one.send(&round("", Some("show tidegate.lsn"), &[]))
        .unwrap();
    let later = one.rows().unwrap();
    let is_later = format!("select '{later}'::pg_lsn >= '{lsn}'");
    assert_eq!(world.database_row(&is_later), "t", "{later} and {lsn}");
    two.query(&format!("set tidegate.min_lsn = '{lsn}'"))
        .unwrap();
    assert_eq!(two.query("select number from passed").unwrap(), "1");
    two.query("set tidegate.min_lsn = 'FFFFFFFF/0'").unwrap();
    assert_eq!(two.query(WHO).unwrap(), PRIMARY);
}

#[test]
fn what_stands_behind_a_read_in_one_write_is_neither_lost_nor_sent_to_the_replica() {
    let Some(world) = World::start("share_unnamed_statements = true") else {
        return;
    };
    world.prepare("create table behind (number int); grant all on behind to public");
    let mut client = world.reader();
    let read = round("", Some("select count(*) from behind"), &[]);
    for number in 0..20 {
        let rounds = [
            read.clone(),
            wire::query("insert into behind values (1) returning number").unwrap(),
            read.clone(),
        ];
        client.send(&rounds.concat()).unwrap();
        let answers: Vec<_> = rounds.iter().map(|_| client.rows().unwrap()).collect();
        let (before, after) = (number.to_string(), (number + 1).to_string());
        assert_eq!(answers, [&*before, "1", &*after]);
    }
}

#[test]
fn a_write_behind_something_that_shows_nothing_is_seen_by_the_next_read() {
    let Some(world) = world() else {
        return;
    };
    world.prepare("create table shown (number int); grant all on shown to public");
    let mut client = world.reader();
    for number in 1..=20 {
        let rounds = [
            wire::query("set application_name = 'someone'").unwrap(),
            wire::query("insert into shown values (1)").unwrap(),
        ];
        client.send(&rounds.concat()).unwrap();
        for _ in rounds {
            client.rows().unwrap();
        }
        let seen = client.query("select count(*) from shown").unwrap();
        assert_eq!(seen, number.to_string());
    }
}

#[test]
fn a_round_that_waits_for_the_replica_behind_an_answer_that_is_held_back_does_not_hang() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.connect();
    // Both are known to the primary alone.
    for name in ["old", "new"] {
        client.query("begin").unwrap();
        let sql = format!("select '{name}' || $1");
        client.send(&round(name, Some(&sql), &["!"])).unwrap();
        assert_eq!(client.rows().unwrap(), format!("{name}!"));
        client.query("commit").unwrap();
    }
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
    let close = [&b"C\0\0\0\x09Sold\0"[..], &round("new", None, &["?"])].concat();
    client.send(&close).unwrap();
    assert_eq!(client.rows().unwrap(), "new?");
    client.send(&round("old", None, &["?"])).unwrap();
    assert_eq!(client.rows().unwrap_err().sqlstate(), "26000");
}

#[test]
fn names_that_stay_with_their_server_stay_at_the_primary() {
    let Some(world) = World::start("max_prepared_statements = 0") else {
        return;
    };
    let mut client = world.reader();
    client
        .send(&round("mine", Some("select $1::text"), &["a"]))
        .unwrap();
    assert_eq!(client.rows().unwrap(), "a");
    client.send(&round("mine", None, &["b"])).unwrap();
    assert_eq!(client.rows().unwrap(), "b");
    client.query("create table stays (number int)").unwrap();
    assert_eq!(client.query("select count(*) from stays").unwrap(), "0");
}

#[test]
fn what_follows_a_block_at_the_replica_is_not_the_replicas() {
    let Some(world) = world() else {
        return;
    };
    world.prepare("create table follows (number int); grant all on follows to public");
    let mut client = world.reader();
    let in_block = |client: &mut Wire| {
        client.query("begin read only").unwrap();
        let is_there = client.query("select pg_is_in_recovery()").unwrap() == "t";
        if !is_there {
            client.query("commit").unwrap();
        }
        is_there
    };
    polling::until_true("a block at the replica", LIMIT, || in_block(&mut client)).unwrap();
    let rounds = [
        wire::query("select 'still there'").unwrap(),
        wire::query("commit").unwrap(),
        wire::query("insert into follows values (3) returning number").unwrap(),
        round("", Some("select number from follows"), &[]),
    ];
    client.send(&rounds.concat()).unwrap();
    let answers: Vec<_> = rounds.iter().map(|_| client.rows().unwrap()).collect();
    assert_eq!(answers, ["still there", "", "3", "3"]);
}

#[test]
fn whoever_demands_a_replica_may_ask_for_an_lsn_all_the_same() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    client.query("set tidegate.route = 'replica'").unwrap();
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
    assert!(client.query("show tidegate.lsn").unwrap().contains('/'));
}

#[test]
fn a_query_at_the_replica_can_be_canceled_and_its_server_is_used_again() {
    let Some(world) = World::start("pool_size = 1") else {
        return;
    };
    let mut client = world.reader();
    // What functions do is not known before the first of them was called.
    polling::until_true("the function to be known", LIMIT, || {
        client.query("select pg_sleep(0)").unwrap();
        let sql = "select count(*) from pg_stat_activity where query = 'select pg_sleep(0)'";
        world.standby.psql(sql).unwrap() == "1"
    })
    .unwrap();
    for _ in 0..3 {
        let is_busy = || {
            let sql = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'";
            world.standby.psql(sql).unwrap() == "1"
        };
        client
            .send(&wire::query("select pg_sleep(60)").unwrap())
            .unwrap();
        // It is the primary's if the replica cannot be judged at the moment.
        while polling::until_true("the query to run at the replica", SHORT, is_busy).is_err() {
            client.cancel().unwrap();
            client.rows().unwrap_err();
            client
                .send(&wire::query("select pg_sleep(60)").unwrap())
                .unwrap();
        }
        client.cancel().unwrap();
        assert_eq!(client.rows().unwrap_err().sqlstate(), "57014");
        let is_there = || client.query(WHO).unwrap() == REPLICA;
        polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
    }
}

#[test]
fn a_function_goes_where_the_catalog_says_and_at_once_where_its_client_has_changed_that() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    let create = "create or replace function who() returns text language sql";
    let body = "as $$ select current_setting('vacuum_cost_page_dirty') $$";
    for _ in 0..3 {
        client.query(&format!("{create} stable {body}")).unwrap();
        let is_there = || client.query("select who()").unwrap() == REPLICA;
        polling::until_true("the function at the replica", LIMIT, is_there).unwrap();
        client.query("begin").unwrap();
        client.query(&format!("{create} volatile {body}")).unwrap();
        client.query("commit").unwrap();
        let has_followed = || client.query(WHO).unwrap() == REPLICA;
        polling::until_true("a read at the replica again", LIMIT, has_followed).unwrap();
        assert_eq!(client.query("select who()").unwrap(), PRIMARY);
    }
}
