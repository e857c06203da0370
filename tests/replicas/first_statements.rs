//! Transaction blocks that do not say what they will do: their first statement says where they stay.

use tidegate_harness::NodeOptions;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::blocks::IN_RECOVERY;
use crate::blocks::begin_and_read_there;
use crate::blocks::begin_there;
use crate::blocks::says;
use crate::blocks::table;
use crate::round;
use crate::ways;
use crate::world::LIMIT;
use crate::world::PRIMARY;
use crate::world::REPLICA;
use crate::world::WHO;
use crate::world::World;

const FIRST_STATEMENT: &str = "transaction_routing = \"first_statement\"";

#[test]
fn the_first_statement_of_a_block_says_where_it_stays() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    table(&world, "decided");
    let mut client = world.reader();
    begin_and_read_there(&mut client, "begin");
    assert_eq!(client.query(WHO).unwrap(), REPLICA);
    client.query("commit").unwrap();
    let insert = "insert into decided values (1) returning number";
    for number in 1..=5 {
        client
            .query("begin isolation level repeatable read")
            .unwrap();
        assert_eq!(client.query(insert).unwrap(), "1");
        let isolation = client.query("show transaction_isolation").unwrap();
        assert_eq!(isolation, "repeatable read");
        let count = client.query("select count(*) from decided").unwrap();
        assert_eq!(count, number.to_string());
        assert_eq!(client.query(WHO).unwrap(), PRIMARY);
        client.query("commit").unwrap();
        client.query("start transaction").unwrap();
        let count = client.query("select count(*) from decided").unwrap();
        assert_eq!(count, number.to_string());
        client.query("commit").unwrap();
    }
    for first in [
        "set local timezone = 'UTC'",
        "savepoint a",
        IN_RECOVERY,
        "lock decided",
    ] {
        begin_there(&mut client, "begin");
        client.query(first).unwrap();
        assert_eq!(client.query(IN_RECOVERY).unwrap(), "f", "{first}");
        client.query("rollback").unwrap();
    }
    for begin in ["begin read write", "begin isolation level serializable"] {
        client.query(begin).unwrap();
        assert_eq!(client.query(WHO).unwrap(), PRIMARY, "{begin}");
        client.query("rollback").unwrap();
    }
}

#[test]
fn a_block_whose_first_statement_comes_with_its_beginning_is_decided_at_once() {
    let options = NodeOptions {
        node: "workers = 1",
        log: "level = \"info,tidegate::route=debug\"",
        tenant: FIRST_STATEMENT,
        ..NodeOptions::default()
    };
    let Some(world) = World::start_with(&options) else {
        return;
    };
    table(&world, "at_once");
    let mut client = world.reader();
    let begin = |client: &mut Wire, first: &str, way: usize| {
        let execute = |sql: &str| {
            let parse = wire::parse("", sql).unwrap();
            [
                parse,
                wire::bind("", "", &[]).unwrap(),
                wire::execute("").unwrap(),
            ]
            .concat()
        };
        let said = match way {
            0 => wire::query(format!("begin; {first}")).unwrap(),
            1 => [execute("BEGIN"), execute(first), wire::sync()].concat(),
            _ => [wire::query("begin").unwrap(), wire::query(first).unwrap()].concat(),
        };
        client.send(&said).unwrap();
        if way == 2 {
            client.rows().unwrap();
        }
        let row = client.rows().unwrap();
        let is_there = client.query("show vacuum_cost_page_dirty").unwrap() == REPLICA;
        client.query("commit").unwrap();
        (row, is_there)
    };
    // How many of those that only read were not at the replica.
    let mut elsewhere = 0;
    for way in 0..3 {
        let is_there = || {
            let is_there = begin(&mut client, WHO, way) == (REPLICA.to_owned(), true);
            elsewhere += usize::from(!is_there);
            is_there
        };
        polling::until_true("a block at the replica", LIMIT, is_there).unwrap();
        let insert = "insert into at_once values (1) returning number";
        assert_eq!(
            begin(&mut client, insert, way),
            ("1".to_owned(), false),
            "{way}"
        );
    }
    assert_eq!(client.query("select count(*) from at_once").unwrap(), "3");
    // None of those that write has begun there and moved.
    let log = world.node.pooler.log_lines();
    let count = |rule: &str| log.iter().filter(|line| line.contains(rule)).count();
    assert!(count("rule=\"begins\"") > 0);
    let moved = count("rule=\"moves\"");
    assert!(moved <= elsewhere, "{moved} moved, {elsewhere} may have");
}

#[test]
fn a_block_whose_first_statement_the_replica_refuses_moves_and_nobody_hears_of_it() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    world.prepare(
        "create sequence in_block; create view hidden_in_block as select nextval('in_block') as number;\
         grant all on sequence in_block to public; grant all on hidden_in_block to public",
    );
    let mut client = world.reader();
    begin_there(&mut client, "begin");
    let sql = "select number from hidden_in_block";
    assert_eq!(client.query(sql).unwrap(), "1");
    // It is in a block, there.
    client.query("savepoint a").unwrap();
    assert_eq!(client.query(WHO).unwrap(), PRIMARY);
    client.query("commit").unwrap();
    // The same by name, and what is parsed stays parsed.
    begin_there(&mut client, "begin");
    let sql = "select number * $1::int from hidden_in_block";
    client.send(&round("mine", Some(sql), &["10"])).unwrap();
    assert_eq!(client.rows().unwrap(), "20");
    client.query("commit").unwrap();
    client.send(&round("mine", None, &["10"])).unwrap();
    assert_eq!(client.rows().unwrap(), "30");
}

#[test]
fn a_write_behind_a_read_at_the_replica_fails_once_and_blocks_like_it_begin_at_the_primary() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    table(&world, "later");
    let mut client = world.reader();
    let insert = "insert into later values (1) returning number";
    // Each text is another one: what is known already begins at the primary.
    let mut number = 0;
    let mut text = String::new();
    let is_refused = || {
        number += 1;
        text = format!("select number as n{number} from later where number = ");
        begin_there(&mut client, "begin");
        assert_eq!(client.query(&format!("{text}0")).unwrap(), "");
        let written = client.query(insert);
        client.query("rollback").unwrap();
        written.is_err_and(|refused| refused.sqlstate() == "25006")
    };
    polling::until_true("a write that the replica refuses", LIMIT, is_refused).unwrap();
    let first = &*format!("{text}7");
    for way in 0..3 {
        match way {
            0 => drop(says(&mut client, &["begin", first])),
            1 => drop(client.query(&format!("begin; {first}")).unwrap()),
            _ => {
                client.query("begin").unwrap();
                client.send(&round("", Some(first), &[])).unwrap();
                client.rows().unwrap();
            },
        }
        assert_eq!(client.query(insert).unwrap(), "1", "{way}");
        client.query("commit").unwrap();
    }
    // On its own it is a read as any other.
    begin_and_read_there(&mut client, "begin");
    assert_eq!(client.query(insert).unwrap_err().sqlstate(), "25006");
    client.query("rollback").unwrap();
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("the read at the replica", LIMIT, is_there).unwrap();
}

#[test]
fn a_first_statement_that_comes_in_pieces_is_decided_when_it_is_there_whole() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    table(&world, "pieces");
    let mut client = world.reader();
    for (said, expected) in [
        (
            wire::query("insert into pieces values (3) returning number").unwrap(),
            "3",
        ),
        (
            round(
                "",
                Some("insert into pieces values (4) returning number"),
                &[],
            ),
            "4",
        ),
        (wire::query(WHO).unwrap(), REPLICA),
    ] {
        for cut in [1, 5, 6, 20, said.len() - 1] {
            let is_as_expected = || {
                begin_there(&mut client, "begin");
                client.send(&said[..cut.min(said.len() - 1)]).unwrap();
                // Whoever has been answered has been heard.
                world.connect().query("select 1").unwrap();
                client.send(&said[cut.min(said.len() - 1)..]).unwrap();
                let row = client.rows().unwrap();
                client.query("commit").unwrap();
                // A read may be the primary's now and then.
                assert!(row == expected || row == PRIMARY, "{row} after {cut}");
                row == expected
            };
            polling::until_true("a block where it belongs", LIMIT, is_as_expected).unwrap();
        }
    }
}

#[test]
fn the_server_that_a_block_has_left_is_used_again() {
    let Some(world) = World::start(&format!("{FIRST_STATEMENT}\npool_size = 1")) else {
        return;
    };
    table(&world, "used_again");
    let mut client = world.reader();
    client.query("set application_name = 'used_again'").unwrap();
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
    let process = || {
        let sql = "select pid from pg_stat_activity where application_name = 'used_again'";
        world.standby.psql(sql).unwrap()
    };
    let before = process();
    for _ in 0..5 {
        begin_there(&mut client, "begin");
        client.query("insert into used_again values (1)").unwrap();
        client.query("commit").unwrap();
    }
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
    assert_eq!(process(), before);
}

#[test]
fn a_block_that_has_done_nothing_outlives_its_server_at_the_replica() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    table(&world, "outlives");
    let mut client = world.reader();
    client.query("set application_name = 'outlives'").unwrap();
    let end = "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity \
               where application_name = 'outlives' and state = 'idle in transaction'";
    for begin in ["begin", "begin read only"] {
        polling::until_true("a block at the replica", LIMIT, || {
            client.query(begin).unwrap();
            let is_ended = world.standby.psql(end).unwrap() == "1";
            client.query("select number from outlives").unwrap();
            client.query("commit").unwrap();
            is_ended
        })
        .unwrap();
    }
}

#[test]
fn a_block_outlives_its_server_whose_last_words_come_with_what_says_that_it_has_begun() {
    let options = NodeOptions {
        node: "workers = 1",
        tenant: FIRST_STATEMENT,
        ..NodeOptions::default()
    };
    let ways = |[primary, replica]: [u16; 2]| [primary, ways::gathering(replica)];
    let Some(world) = World::start_at(&options, "", ways) else {
        return;
    };
    table(&world, "last_words");
    let mut client = world.reader();
    client.query("set application_name = 'last_words'").unwrap();
    let who = "from pg_stat_activity where application_name = 'last_words'";
    let open = format!("select count(*) {who} and state = 'idle in transaction'");
    let end = format!("select count(pg_terminate_backend(pid, 10000)) {who}");
    polling::until_true("a block at the replica", LIMIT, || {
        client.send(&wire::query("begin").unwrap()).unwrap();
        let mut is_there = false;
        polling::until_true("a block somewhere", LIMIT, || {
            is_there = world.standby.psql(&open).unwrap() == "1";
            is_there || world.primary.psql(&open).unwrap() == "1"
        })
        .unwrap();
        if is_there {
            world.standby.psql(&end).unwrap();
        }
        client.rows().unwrap();
        client.query("insert into last_words values (1)").unwrap();
        client.query("commit").unwrap();
        is_there
    })
    .unwrap();
    let is_kept = "select count(*) > 0 from last_words";
    assert_eq!(world.database_row(is_kept), "t");
}

/// Executes statements that are parsed already, in one round.
fn pipeline(names: &[&str]) -> Vec<u8> {
    let execute = |name: &&str| {
        let bind = wire::bind("", name, &[]).unwrap();
        [bind, wire::execute("").unwrap()].concat()
    };
    let executed = names.iter().flat_map(execute);
    executed.chain(wire::sync()).collect()
}

/// The tags of what answers a round, but for notices.
fn tags(client: &mut Wire) -> String {
    let mut tags = String::new();
    while !tags.ends_with('Z') {
        let tag = char::from(client.message().unwrap().tag());
        if tag != 'N' {
            tags.push(tag);
        }
    }
    tags
}

#[test]
fn a_pipeline_of_names_that_the_replica_does_not_know_begins_its_block_there() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    let mut client = world.reader();
    let statements = [
        wire::parse("plain", "begin").unwrap(),
        wire::parse("sealed", "begin read only").unwrap(),
        wire::parse("who", WHO).unwrap(),
        wire::sync(),
    ];
    client.query("begin read write").unwrap();
    client.send(&statements.concat()).unwrap();
    client.rows().unwrap();
    client.query("commit").unwrap();
    for begin in ["plain", "sealed"] {
        polling::until_true("a block at the replica", LIMIT, || {
            client.send(&pipeline(&[begin, "who"])).unwrap();
            let row = client.rows().unwrap();
            client.query("commit").unwrap();
            row == REPLICA
        })
        .unwrap();
    }
}

#[test]
fn a_pipeline_whose_read_the_replica_refuses_is_answered_once() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    world.prepare(
        "create sequence piped; create view hidden_in_pipe as select nextval('piped') as number;\
         grant all on sequence piped to public; grant all on hidden_in_pipe to public",
    );
    let mut client = world.reader();
    let execute = |name: &str, sql: &str| {
        [
            wire::parse(name, sql).unwrap(),
            wire::bind("", name, &[]).unwrap(),
            wire::execute("").unwrap(),
        ]
        .concat()
    };
    let refusals = || world.standby.log().matches("from hidden_in_pipe").count();
    for (name, column) in [("", "one"), ("kept", "two")] {
        let sql = format!("select number * 0 as {column} from hidden_in_pipe");
        let round = [execute(name, "begin"), execute("", &sql), wire::sync()].concat();
        let before = refusals();
        polling::until_true("the replica to be asked", LIMIT, || {
            begin_there(&mut client, "begin");
            client.query("commit").unwrap();
            client.send(&round).unwrap();
            assert_eq!(tags(&mut client), "12C12DCZ");
            client.query("savepoint a").unwrap();
            assert_eq!(client.query(WHO).unwrap(), PRIMARY);
            client.query("commit").unwrap();
            client.query("deallocate all").unwrap();
            refusals() > before
        })
        .unwrap();
    }
}

#[test]
fn a_block_that_begins_with_no_statement_at_all_writes() {
    let Some(world) = World::start(FIRST_STATEMENT) else {
        return;
    };
    table(&world, "after_nothing");
    let mut client = world.reader();
    let nothings = [
        wire::sync(),
        [b"D\0\0\0\x0aSkept\0".to_vec(), wire::sync()].concat(),
    ];
    for (number, nothing) in (1..).zip(nothings) {
        let insert = "insert into after_nothing values (1) returning number";
        let parse = [wire::parse("kept", insert).unwrap(), wire::sync()].concat();
        client.send(&parse).unwrap();
        client.rows().unwrap();
        begin_there(&mut client, "begin");
        client.send(&nothing).unwrap();
        client.rows().unwrap();
        assert_eq!(client.query(insert).unwrap(), "1");
        client.query("commit").unwrap();
        let count = client.query("select count(*) from after_nothing").unwrap();
        assert_eq!(count, number.to_string());
        client.query("deallocate kept").unwrap();
    }
}
