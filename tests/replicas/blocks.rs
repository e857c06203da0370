//! Read-only transaction blocks at the replica that turn out to belong on the primary, at their
//! beginning or with their end.

use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::round;
use crate::world::LIMIT;
use crate::world::PRIMARY;
use crate::world::REPLICA;
use crate::world::WHO;
use crate::world::World;
use crate::world::world;

/// Where a client is, without a word that a block could be told by.
pub(crate) const IN_RECOVERY: &str = "select pg_is_in_recovery()";

/// Begins a block when these are at the replica. A server that was opened a moment ago is not known
/// well enough, and the next one may be another.
pub(crate) fn begin_there(client: &mut Wire, begin: &str) {
    let at_replica = [
        wire::query(begin).unwrap(),
        wire::query(WHO).unwrap(),
        wire::query("rollback").unwrap(),
    ];
    let mut is_there = || {
        client.send(&at_replica.concat()).unwrap();
        let heard: Vec<_> = at_replica.iter().map(|_| client.rows().unwrap()).collect();
        heard[1] == REPLICA
    };
    let what = "blocks at the replica, one after the other";
    polling::until_true(what, LIMIT, || (0..4).all(|_| is_there())).unwrap();
    client.query(begin).unwrap();
}

/// [`begin_there`], and the block is there: it has read which server it is at.
pub(crate) fn begin_and_read_there(client: &mut Wire, begin: &str) {
    polling::until_true("a block at the replica", LIMIT, || {
        begin_there(client, begin);
        let is_there = client.query(WHO).unwrap() == REPLICA;
        if !is_there {
            client.query("rollback").unwrap();
        }
        is_there
    })
    .unwrap();
}

pub(crate) fn says(client: &mut Wire, texts: &[&str]) -> Vec<String> {
    let said = texts.iter().map(|text| wire::query(text).unwrap());
    client.send(&said.collect::<Vec<_>>().concat()).unwrap();
    texts.iter().map(|_| client.rows().unwrap()).collect()
}

pub(crate) fn table(world: &World, name: &str) {
    let sql = format!("create table {name} (number int); grant all on {name} to public");
    world.prepare(&sql);
}

#[test]
fn a_read_only_block_at_the_replica_that_is_set_to_read_write_first_writes() {
    let Some(world) = world() else {
        return;
    };
    table(world, "unsealed");
    let mut client = world.reader();
    begin_there(&mut client, "begin read only");
    client.query("set transaction read write").unwrap();
    let insert = "insert into unsealed values (1) returning number";
    assert_eq!(client.query(insert).unwrap(), "1");
    client.query("commit").unwrap();
    assert_eq!(client.query("select number from unsealed").unwrap(), "1");
    // All in one write, and in the extended protocol.
    let set = round("", Some("set transaction read write"), &[]);
    let rounds = [
        wire::query("begin isolation level repeatable read read only").unwrap(),
        set,
        wire::query("show transaction_isolation").unwrap(),
        wire::query(insert).unwrap(),
        wire::query("commit").unwrap(),
    ];
    client.send(&rounds.concat()).unwrap();
    let heard: Vec<_> = rounds.iter().map(|_| client.rows().unwrap()).collect();
    assert_eq!(heard[2..4], ["repeatable read", "1"]);
    // As at any Postgres it comes too late behind a query.
    begin_there(&mut client, "begin read only");
    client.query("select 1").unwrap();
    let refused = client.query("set transaction read write").unwrap_err();
    assert_eq!(refused.sqlstate(), "25001");
    client.query("rollback").unwrap();
}

#[test]
fn a_read_only_block_at_the_replica_that_is_set_to_serializable_first_is() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    begin_there(&mut client, "begin read only");
    client
        .query("set transaction isolation level serializable")
        .unwrap();
    let isolation = client.query("show transaction_isolation").unwrap();
    assert_eq!(isolation, "serializable");
    assert_eq!(client.query("show transaction_read_only").unwrap(), "on");
    assert_eq!(client.query(WHO).unwrap(), PRIMARY);
    client.query("commit").unwrap();
}

#[test]
fn a_text_that_ends_a_read_only_block_at_the_replica_and_writes_does_both() {
    let Some(world) = world() else {
        return;
    };
    table(world, "behind_end");
    let mut client = world.reader();
    let insert = "insert into behind_end values (7) returning number";
    for begin in [
        "begin read only",
        "begin isolation level repeatable read read only",
    ] {
        begin_and_read_there(&mut client, begin);
        assert_eq!(client.query(&format!("commit; {insert}")).unwrap(), "7");
    }
    begin_there(&mut client, "begin read only");
    assert_eq!(
        client.query(&format!("commit; begin; {insert}")).unwrap(),
        "7"
    );
    assert_eq!(client.query(IN_RECOVERY).unwrap(), "f");
    client.query("rollback").unwrap();
    // Behind something, in one write; and in a pipeline.
    // Two above, and one below.
    let mut inserted = 3;
    polling::until_true("a block at the replica", LIMIT, || {
        begin_there(&mut client, "begin read only");
        let texts = [WHO, &format!("rollback; {insert}"), "select 'over'"];
        let heard = says(&mut client, &texts);
        assert_eq!(heard[1..], ["7", "over"]);
        inserted += 1;
        heard[0] == REPLICA
    })
    .unwrap();
    begin_and_read_there(&mut client, "begin read only");
    let pipeline = ["commit", insert].map(|sql| {
        [
            wire::parse("", sql).unwrap(),
            wire::bind("", "", &[]).unwrap(),
            wire::execute("").unwrap(),
        ]
        .concat()
    });
    client
        .send(&[&pipeline.concat()[..], &wire::sync()].concat())
        .unwrap();
    assert_eq!(client.rows().unwrap(), "7");
    let count = client.query("select count(*) from behind_end").unwrap();
    assert_eq!(count, inserted.to_string());
}

#[test]
fn a_failed_block_at_the_replica_is_rolled_back_there_or_where_the_write_behind_it_goes() {
    let Some(world) = world() else {
        return;
    };
    table(world, "behind_failure");
    let mut client = world.reader();
    let insert = "insert into behind_failure values (7) returning number";
    begin_there(&mut client, "begin read only");
    client.query("select 1 / 0").unwrap_err();
    assert_eq!(client.query(&format!("rollback; {insert}")).unwrap(), "7");
    begin_and_read_there(&mut client, "begin read only");
    client.query("select 1 / 0").unwrap_err();
    // It is a ROLLBACK, of which only this server knows.
    let refused = client.query(&format!("commit; {insert}")).unwrap_err();
    assert_eq!(refused.sqlstate(), "25006");
}

#[test]
fn what_a_block_at_the_replica_has_set_for_its_session_is_not_lost_behind_its_end() {
    let Some(world) = world() else {
        return;
    };
    let mut client = world.reader();
    begin_there(&mut client, "begin read only");
    client.query("set work_mem = '7MB'").unwrap();
    client.query("commit; select 1").unwrap();
    assert_eq!(client.query("show work_mem").unwrap(), "7MB");
}

#[test]
fn a_session_whose_blocks_only_read_by_default_may_begin_one_that_writes() {
    let Some(world) = world() else {
        return;
    };
    table(world, "by_default");
    let mut client = world.reader();
    client
        .query("set default_transaction_read_only = on")
        .unwrap();
    let insert = "insert into by_default values (1) returning number";
    for number in 1..=3 {
        begin_there(&mut client, "begin");
        client.query("set transaction read write").unwrap();
        assert_eq!(client.query(insert).unwrap(), "1");
        client.query("commit").unwrap();
        client.query("begin read write").unwrap();
        assert_eq!(client.query(insert).unwrap(), "1");
        client.query("commit").unwrap();
        let count = client.query("select count(*) from by_default").unwrap();
        assert_eq!(count, (2 * number).to_string());
    }
    begin_there(&mut client, "begin");
    assert_eq!(client.query(insert).unwrap_err().sqlstate(), "25006");
    client.query("rollback").unwrap();
}
