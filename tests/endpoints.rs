//! What `SHOW ENDPOINTS` says of why an endpoint gets no reads, with real streaming replication and a
//! user without rights.
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

/// Columns of `SHOW ENDPOINTS`.
const STATE: usize = 6;
const TIMELINE: usize = 8;
const UNFIT: usize = 17;
const SHARE: usize = 18;

/// A Tidegate whose tenant has these clusters as endpoints.
fn node(database: &Database, clusters: &[&Cluster]) -> Node {
    let ports = clusters.iter().map(|cluster| cluster.port());
    let endpoints = Endpoint::numbered(ports);
    Node::start(database, &endpoints, &NodeOptions::default()).unwrap()
}

/// Columns of what the console shows of the endpoint at a place.
fn shown(node: &Node, place: usize, columns: &[usize]) -> String {
    node.endpoints(columns).unwrap().swap_remove(place)
}

fn await_shown(node: &Node, place: usize, columns: &[usize], expected: &str) {
    let what = format!("endpoint {place} to be {expected}");
    let is_shown = polling::until_true(&what, LIMIT, || shown(node, place, columns) == expected);
    let last = || shown(node, place, columns);
    assert!(is_shown.is_ok(), "{what}, and it is {}", last());
}

#[test]
fn only_a_standby_of_the_same_system_is_fit_for_reads() {
    let Some(primary) = skip::unless(Cluster::start(Version::under_test())) else {
        return;
    };
    let database = primary.database().unwrap();
    let standby = primary.standby().unwrap();
    let stranger = Cluster::start(Version::under_test()).unwrap();
    let foreign = stranger.standby().unwrap();
    for sql in [
        format!(
            "create role {} login password '{}'",
            database.user, database.password
        ),
        format!("create database {} owner {}", database.name, database.user),
    ] {
        stranger.psql(&sql).unwrap();
    }
    let node = node(&database, &[&primary, &standby, &foreign]);
    let mut client = node.connect().unwrap();
    client.query("create table held (number int)").unwrap();
    await_shown(&node, 1, &[STATE, TIMELINE, UNFIT], "standby 1 ");
    await_shown(&node, 1, &[SHARE], "100");
    await_shown(
        &node,
        2,
        &[STATE, TIMELINE, UNFIT],
        "standby 1 its system identifier is not the primary's",
    );
    await_shown(&node, 0, &[STATE, TIMELINE, UNFIT], "writable 1 ");
    standby.stop().unwrap();
    await_shown(&node, 1, &[UNFIT], "it does not answer");
}

#[test]
fn a_name_is_looked_up_each_address_is_tried_and_the_console_shows_them() {
    let Some(primary) = skip::unless(Cluster::start(Version::under_test())) else {
        return;
    };
    let database = primary.database().unwrap();
    // Where it has an address of version 6 as well, nobody listens there.
    let named = format!(
        "[[tenant]]\nname = \"named\"\n[[tenant.endpoint]]\nhost = \"localhost\"\nport = {}\n\
         [[tenant.user]]\nname = \"{}\"\nsecret = \"{}\"\n",
        primary.port(),
        database.user,
        database.password
    );
    let options = NodeOptions {
        more: &named,
        ..NodeOptions::default()
    };
    let endpoints = Endpoint::numbered([primary.port()]);
    let node = Node::start(&database, &endpoints, &options).unwrap();
    let mut login = node.login();
    login.user.push_str(".named");
    let mut client = Wire::connect(&login).unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
    let shown = node.console("SHOW DNS_HOSTS").unwrap();
    let columns: Vec<&str> = shown.split('|').collect();
    let [name, ttl, addresses] = columns[..] else {
        panic!("one line of three columns: {shown}");
    };
    assert_eq!(name, "localhost");
    assert!(ttl.parse::<u32>().unwrap() <= 15, "{shown}");
    assert!(addresses.split(',').any(|address| address == "127.0.0.1"));
    let lists = node.console("SHOW LISTS").unwrap();
    assert!(lists.lines().any(|line| line == "dns_names|1"), "{lists}");
}

#[test]
fn a_standby_is_read_from_as_soon_as_it_follows_if_the_user_may_see_that() {
    let Some(old) = skip::unless(Cluster::start(Version::under_test())) else {
        return;
    };
    let database = old.database().unwrap();
    let grant = format!("grant pg_read_all_stats to {}", database.user);
    old.psql(&grant).unwrap();
    let (new, other) = (old.standby().unwrap(), old.standby().unwrap());
    let node = node(&database, &[&old, &new, &other]);
    fail_over(&node, old, &new, &other);
    await_shown(&node, 2, &[TIMELINE, UNFIT], "2 ");
}

#[test]
fn without_rights_a_standby_is_read_from_after_its_next_restartpoint() {
    let Some(old) = skip::unless(Cluster::start(Version::under_test())) else {
        return;
    };
    let database = old.database().unwrap();
    let (new, other) = (old.standby().unwrap(), old.standby().unwrap());
    let node = node(&database, &[&old, &new, &other]);
    fail_over(&node, old, &new, &other);
    new.psql("checkpoint").unwrap();
    polling::until_true("a restartpoint", LIMIT, || {
        other.psql("checkpoint").unwrap();
        let timeline = "select timeline_id from pg_control_checkpoint()";
        other.psql(timeline).unwrap() == "2"
    })
    .unwrap();
    await_shown(&node, 2, &[TIMELINE, UNFIT], "2 ");
}

/// The second of two standbys takes over from the first endpoint, and the third follows it.
fn fail_over(node: &Node, old: Cluster, new: &Cluster, other: &Cluster) {
    let mut client = node.connect().unwrap();
    client.query("select 1").unwrap();
    await_shown(node, 2, &[TIMELINE, UNFIT], "1 ");
    old.stop().unwrap();
    // Endpoints are looked at while somebody needs a server.
    let written = thread::scope(|scope| {
        let waiting = scope.spawn(|| client.query("create table held (number int)"));
        new.promote().unwrap();
        waiting.join().unwrap()
    });
    written.unwrap();
    await_shown(node, 1, &[STATE, TIMELINE], "writable 2");
    await_shown(node, 2, &[TIMELINE, UNFIT], LEFT_BEHIND);
    let before = other.psql("show primary_conninfo").unwrap();
    let after = before.replace(&port_in(&before), &format!("port={}", new.port()));
    for sql in [
        format!("alter system set primary_conninfo = $${after}$$"),
        "select pg_reload_conf()".to_owned(),
    ] {
        other.psql(&sql).unwrap();
    }
    client.query("insert into held values (1)").unwrap();
}

const LEFT_BEHIND: &str = "1 it is not known to be on the newest timeline, with the primary: it does not follow, \
     or has made no restartpoint since";

/// `port=…` in a connection string.
fn port_in(conninfo: &str) -> String {
    let words = conninfo.split(' ');
    let mut ports = words.filter(|word| word.starts_with("port="));
    ports.next().unwrap().to_owned()
}
