//! A block that moves to a primary which refuses to begin it.

use tidegate_harness::NodeOptions;
use tidegate_harness::polling;

use crate::blocks::begin_there;
use crate::blocks::table;
use crate::ways;
use crate::ways::BEGIN;
use crate::world::LIMIT;
use crate::world::World;

#[test]
fn nothing_is_written_behind_a_beginning_that_the_primary_refuses() {
    let tenant = "transaction_routing = \"first_statement\"";
    let options = NodeOptions {
        node: "workers = 1",
        tenant,
        ..NodeOptions::default()
    };
    let Some(world) = World::start_at(&options, "", |[primary, replica]| {
        [ways::garbling(primary), replica]
    }) else {
        return;
    };
    table(&world, "unwritten");
    let refused = || {
        let mut client = world.reader();
        begin_there(&mut client, "begin");
        client.query("rollback").unwrap();
        // Where the replica is not fit to begin it, the primary has refused it by itself.
        client.query(BEGIN).ok()?;
        let written = client.query("insert into unwritten values (1)");
        Some(written.unwrap_err())
    };
    let mut heard = None;
    polling::until_true("a block at the replica", LIMIT, || {
        heard = refused();
        heard.is_some()
    })
    .unwrap();
    // The server's own words, and the end: the block that the client believes in is nowhere.
    assert_eq!(heard.unwrap().sqlstate(), "42601");
    world.node.pooler.wait_for_log("block_refused").unwrap();
    let count = world.database_row("select count(*) from unwritten");
    assert_eq!(count, "0");
}
