//! Rounds that a replica refuses while their client has gone on speaking.

use tidegate_harness::Cluster;
use tidegate_harness::NodeOptions;
use tidegate_harness::polling;
use tidegate_harness::wire;

use crate::world::LIMIT;
use crate::world::REPLICA;
use crate::world::WHO;
use crate::world::World;
use crate::world::world;

/// A view whose read takes its time at a replica before that refuses it.
fn slow_view(world: &World, name: &str) {
    world.prepare(&format!(
        "create sequence {name}_number; create view {name} as \
         select pg_sleep(case when pg_is_in_recovery() then 2 else 0 end)::text as slept, \
         nextval('{name}_number') as number; \
         create table {name}_behind (number int); \
         grant all on sequence {name}_number to public; \
         grant all on {name}, {name}_behind to public"
    ));
}

/// Whether a server of the cluster runs this text, or ran it last.
fn has_run(cluster: &Cluster, text: &str, state: &str) -> bool {
    let sql = format!(
        "select count(*) from pg_stat_activity where state like '{state}' and query = '{text}'"
    );
    cluster.psql(&sql).unwrap() == "1"
}

#[test]
fn what_is_said_in_another_write_behind_a_read_that_is_refused_is_not_lost() {
    let Some(world) = world() else {
        return;
    };
    let longer = "/* a good deal longer than the text of the read in front of it, so that a part of it \
                  would be left where as much is taken away */";
    for (view, comment) in [("refused_late", ""), ("refused_longer", longer)] {
        slow_view(world, view);
        let insert = format!("insert into {view}_behind values (1) {comment}");
        let mut number = 0;
        let mut heard = Vec::new();
        let is_refused = || {
            number += 1;
            let mut client = world.reader();
            let read = format!("select number as n{number} from {view}");
            client.send(&wire::query(&read).unwrap()).unwrap();
            let mut is_there = false;
            polling::until_true("the read to be somewhere", LIMIT, || {
                is_there = has_run(world.standby, &read, "active");
                is_there || has_run(world.primary, &read, "%")
            })
            .unwrap();
            client.send(&wire::query(&insert).unwrap()).unwrap();
            heard = vec![client.rows().unwrap(), client.rows().unwrap()];
            let sql = format!("select count(*) from {view}_behind");
            heard.push(client.query(&sql).unwrap());
            is_there
        };
        polling::until_true("a read that the replica refuses", LIMIT, is_refused).unwrap();
        let number = number.to_string();
        assert_eq!(heard, [&*number, "", &*number], "{view}");
    }
}

#[test]
fn a_client_whose_pipelines_get_stuck_at_the_replica_costs_it_a_server_once() {
    let options = NodeOptions {
        node: "workers = 1",
        log: "level = \"info,tidegate::route=debug\"",
        ..NodeOptions::default()
    };
    let Some(world) = World::start_with(&options) else {
        return;
    };
    let mut client = world.connect();
    // Both are known to the primary alone.
    for name in ["one", "two"] {
        client.query("begin").unwrap();
        let parse = wire::parse(name, &format!("select '{name}'")).unwrap();
        client.send(&[parse, wire::sync()].concat()).unwrap();
        client.rows().unwrap();
        client.query("commit").unwrap();
    }
    let mut pipeline = || {
        // Others write meanwhile: what this client has seen of that may not be at the replica yet.
        let is_there = || client.query(WHO).unwrap() == REPLICA;
        polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
        let executed = ["one", "two"].map(|name| {
            let bind = wire::bind("", name, &[]).unwrap();
            [bind, wire::execute("").unwrap()].concat()
        });
        client
            .send(&[executed.concat(), wire::sync()].concat())
            .unwrap();
        assert_eq!(client.rows().unwrap(), "one\ntwo");
        let lines = world.node.pooler.log_lines();
        let stuck = |line: &&String| line.contains("reason=\"stuck\"");
        lines.iter().filter(stuck).count()
    };
    polling::until_true("a pipeline that gets stuck", LIMIT, || pipeline() == 1).unwrap();
    for _ in 0..5 {
        assert_eq!(pipeline(), 1);
    }
}
