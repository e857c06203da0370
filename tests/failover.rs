//! A primary that moves, comes back or is two: clients wait, or are told why not, and never write to
//! the wrong one. With real streaming replication.
#![cfg(test)]

use std::thread;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Endpoint;
use tidegate_harness::Node;
use tidegate_harness::NodeOptions;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire::Wire;

const LIMIT: Duration = Duration::from_mins(1);

/// A Tidegate whose tenant has these clusters as endpoints that say themselves what they are.
fn node(database: &Database, clusters: &[&Cluster], tenant: &str) -> Node {
    let options = NodeOptions {
        node: "workers = 2",
        tenant: &format!("route = \"primary\"\n{tenant}"),
        ..NodeOptions::default()
    };
    let ports = clusters.iter().map(|cluster| cluster.port());
    Node::start(database, &Endpoint::numbered(ports), &options).unwrap()
}

/// What the console shows of the endpoints: name, state, whether it is the primary, timeline.
fn endpoints(node: &Node) -> Vec<String> {
    node.endpoints(&[1, 6, 7, 8]).unwrap()
}

/// Waits until the console shows this.
fn until_endpoints_are(node: &Node, expected: [&str; 2]) {
    let mut shown = Vec::new();
    let are_so = polling::until_true("endpoints that are known", LIMIT, || {
        shown = endpoints(node);
        shown == expected
    });
    assert!(are_so.is_ok(), "{shown:?}, and not {expected:?}");
}

/// How long ago each has answered, in milliseconds.
fn seen_ago(node: &Node) -> Vec<u32> {
    let shown = node.endpoints(&[14]).unwrap();
    shown.iter().map(|ago| ago.parse().unwrap()).collect()
}

fn cluster() -> Option<Cluster> {
    skip::unless(Cluster::start(Version::under_test()))
}

/// A standby that has all that the primary has.
fn standby(primary: &Cluster) -> Cluster {
    let standby = primary.standby().unwrap();
    standby.catch_up(primary).unwrap();
    standby
}

#[test]
fn clients_wait_for_a_promotion_and_only_open_transactions_fail() {
    let Some(old) = cluster() else {
        return;
    };
    let database = old.database().unwrap();
    let new = standby(&old);
    let node = node(&database, &[&new, &old], "");
    let mut busy = node.connect().unwrap();
    busy.query("create table kept (number int); insert into kept values (1)")
        .unwrap();
    let (mut idle, mut open) = (node.connect().unwrap(), node.connect().unwrap());
    assert_eq!(idle.query("select count(*) from kept").unwrap(), "1");
    open.query("begin").unwrap();
    open.query("insert into kept values (2)").unwrap();
    new.catch_up(&old).unwrap();
    until_endpoints_are(&node, ["e0 standby 0 1", "e1 writable 1 1"]);
    old.stop().unwrap();

    // What a server says that ends at once is a warning, and the end.
    open.query("insert into kept values (3)").unwrap_err();
    let busy = thread::scope(|scope| {
        let waiting = scope.spawn(|| busy.query("insert into kept values (4) returning number"));
        node.pooler
            .wait_for_log("an endpoint does not answer")
            .unwrap();
        new.promote().unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(busy.unwrap(), "4");
    assert_eq!(
        idle.query("select string_agg(number::text, ' ') from kept")
            .unwrap(),
        "1 4"
    );
    until_endpoints_are(&node, ["e0 writable 1 2", "e1 writable 0 1"]);
    let mut late = node.connect().unwrap();
    assert_eq!(late.query("select pg_is_in_recovery()").unwrap(), "f");
}

#[test]
fn who_has_waited_for_failover_wait_is_told_why() {
    let Some(cluster) = cluster() else {
        return;
    };
    let database = cluster.database().unwrap();
    let standby = standby(&cluster);
    let node = node(&database, &[&standby, &cluster], "failover_wait = \"1s\"");
    let mut client = node.connect().unwrap();
    client.query("select 1").unwrap();
    cluster.stop().unwrap();
    let refused = client.query("select 1").unwrap_err();
    assert_eq!(refused.sqlstate(), "57P03", "{refused}");
    let refused = node.connect().unwrap().query("select 1").unwrap_err();
    assert_eq!(refused.sqlstate(), "57P03", "{refused}");
    let report = refused.report().unwrap();
    assert!(report.message.contains("no primary for 1s"), "{report:?}");
}

#[test]
fn an_old_primary_that_lives_on_is_left_at_once() {
    let Some(old) = cluster() else {
        return;
    };
    let database = old.database().unwrap();
    let new = standby(&old);
    let node = node(&database, &[&old, &new], "");
    let (mut open, mut other) = (node.connect().unwrap(), node.connect().unwrap());
    open.query("begin").unwrap();
    assert_eq!(
        other.query("select inet_server_port()").unwrap(),
        old.port().to_string()
    );
    new.promote().unwrap();
    // It says nothing, and is told all the same: what it would commit there would be lost.
    let told = open.farewell().unwrap();
    assert_eq!(told.sqlstate, "08006", "{told:?}");
    assert_eq!(
        other.query("select inet_server_port()").unwrap(),
        new.port().to_string()
    );
    drop(old);
}

#[test]
fn a_primary_that_moved_while_nobody_looked_is_not_written_to() {
    let Some(old) = cluster() else {
        return;
    };
    let database = old.database().unwrap();
    let new = standby(&old);
    let node = node(&database, &[&old, &new], "server_idle_timeout = \"1s\"");
    let mut client = node.connect().unwrap();
    let port = "select inet_server_port()";
    assert_eq!(client.query(port).unwrap(), old.port().to_string());
    // Without servers, nobody looks at the endpoints any more.
    let seen_long_ago = || seen_ago(&node).iter().all(|ago| *ago > 3_500);
    polling::until_true("nobody to look", LIMIT, seen_long_ago).unwrap();
    new.promote().unwrap();
    assert_eq!(client.query(port).unwrap(), new.port().to_string());
    drop(old);
}

#[test]
fn endpoints_that_rest_are_asked_before_a_server_of_before_is_used_again() {
    let Some(old) = cluster() else {
        return;
    };
    let database = old.database().unwrap();
    let new = standby(&old);
    let node = node(&database, &[&old, &new], "monitor_rest_after = \"2s\"");
    let mut client = node.connect().unwrap();
    let port = "select inet_server_port()";
    assert_eq!(client.query(port).unwrap(), old.port().to_string());
    let server = "select count(*) from pg_stat_activity \
        where query like '%inet_server_port%' and pid <> pg_backend_pid()";
    let seen_long_ago = || seen_ago(&node).iter().all(|ago| *ago > 3_500);
    polling::until_true("nobody to look", LIMIT, seen_long_ago).unwrap();
    assert_eq!(old.psql(server).unwrap(), "1", "its server is kept");
    new.promote().unwrap();
    assert!(seen_long_ago(), "nobody uses them");
    // It lives on, takes writes, and says nothing: what is written there is lost.
    assert_eq!(client.query(port).unwrap(), new.port().to_string());
    polling::until_true("endpoints to be looked at", LIMIT, || {
        seen_ago(&node).iter().all(|ago| *ago < 3_000)
    })
    .unwrap();
    drop(old);
}

#[test]
fn a_client_that_names_a_database_there_is_not_keeps_nobody_from_the_primary() {
    let Some(cluster) = cluster() else {
        return;
    };
    let database = cluster.database().unwrap();
    let standby = standby(&cluster);
    let node = node(&database, &[&standby, &cluster], "");
    let mut wrong = node.login();
    wrong.database = "nowhere".to_owned();
    thread::scope(|scope| {
        let wrong = scope.spawn(|| Wire::connect(&wrong).unwrap_err());
        node.pooler
            .wait_for_log("an endpoint does not answer")
            .unwrap();
        let mut client = node.connect().unwrap();
        assert_eq!(client.query("select pg_is_in_recovery()").unwrap(), "f");
        let refused = wrong.join().unwrap();
        assert!(
            ["3D000", "57P03"].contains(&refused.sqlstate()),
            "{refused}"
        );
    });
}

#[test]
fn two_primaries_on_one_timeline_are_written_to_by_nobody() {
    let (Some(one), Some(two)) = (cluster(), cluster()) else {
        return;
    };
    let database = one.database().unwrap();
    two.database().unwrap();
    let node = node(&database, &[&one, &two], "");
    let refused = node.connect().unwrap_err();
    assert_eq!(refused.sqlstate(), "57P03", "{refused}");
    let report = refused.report().unwrap();
    assert!(
        report
            .detail
            .contains("e0 and e1 both take writes on one timeline"),
        "{report:?}"
    );
    two.stop().unwrap();
}
