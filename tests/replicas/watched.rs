//! What an operator sees of where reads go: metrics, the log and the console.

use tidegate_harness::NodeOptions;
use tidegate_harness::Pooler;
use tidegate_harness::free_port;
use tidegate_harness::http_get;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use super::world::LIMIT;
use super::world::PRIMARY;
use super::world::REPLICA;
use super::world::WHO;
use super::world::World;

/// A world with a page of metrics, a log of everything that is routed, and operators.
struct Watched {
    world: World,
    http: u16,
}

impl Watched {
    fn start() -> Option<Self> {
        Self::start_at("", "")
    }

    /// With other settings of the tenant and of the replica.
    fn start_at(tenant: &str, replica: &str) -> Option<Self> {
        let http = free_port().unwrap();
        let options = NodeOptions {
            node: "workers = 1",
            log: "level = \"info,tidegate::route=debug\"",
            tenant,
            more: &format!("[http]\naddress = \"127.0.0.1:{http}\""),
            ..NodeOptions::default()
        };
        let world = World::start_at(&options, replica, |ports| ports)?;
        Some(Self { world, http })
    }

    /// The value of a metric of an endpoint.
    fn metric(&self, name: &str, endpoint: &str, more: &str) -> Option<String> {
        let (status, page) = http_get(self.http, "/metrics").unwrap();
        assert_eq!(status, 200);
        let series = format!("tidegate_{name}{{tenant=\"acme\",endpoint=\"{endpoint}\"{more}}} ");
        let value = |line: &str| Some(line.strip_prefix(&series)?.to_owned());
        page.lines().find_map(value)
    }

    /// Waits until a metric has a value: a page may be as old as a second.
    fn await_metric(&self, name: &str, endpoint: &str, more: &str, expected: &str) {
        let what = format!("{name} of {endpoint} {more} to be {expected}");
        let has_it = || self.metric(name, endpoint, more).as_deref() == Some(expected);
        let is_there = polling::until_true(&what, LIMIT, has_it);
        let all = || {
            let (_, page) = http_get(self.http, "/metrics").unwrap();
            let mut lines = page.lines();
            let is_of_endpoint = |line: &&str| line.contains("endpoint=");
            let lines: Vec<_> = lines.by_ref().filter(is_of_endpoint).collect();
            lines.join("\n")
        };
        assert!(is_there.is_ok(), "{what}, and there is\n{}", all());
    }

    fn log(&self) -> &Pooler {
        &self.world.node.pooler
    }
}

#[test]
fn the_first_read_after_a_rest_goes_by_no_health_of_before() {
    let Some(watched) = Watched::start_at("monitor_rest_after = \"2s\"", "") else {
        return;
    };
    let world = &watched.world;
    let mut client = settled(world);
    let rest = || {
        let endpoints = world.node.console("show endpoints").unwrap();
        let seen_ago = |line: &str| line.split('|').nth(14).unwrap().parse::<u32>().unwrap();
        endpoints.lines().all(|line| seen_ago(line) > 3_500)
    };
    polling::until_true("nobody to look", LIMIT, rest).unwrap();
    assert_eq!(client.query(WHO).unwrap(), PRIMARY);
    // And is what has them looked at.
    let is_there = || client.query(WHO).unwrap() == REPLICA;
    polling::until_true("reads at the replica", LIMIT, is_there).unwrap();
}

#[test]
fn a_replica_keeps_servers_ready_before_anybody_reads() {
    let Some(watched) = Watched::start_at("", "min_pool_size = 2") else {
        return;
    };
    let world = &watched.world;
    let mut client = world.connect();
    client
        .query("create temporary table written (number int)")
        .unwrap();
    let address = format!("|{}|", world.standby.port());
    let are_ready = || {
        let servers = world.node.console("show servers").unwrap();
        servers
            .lines()
            .filter(|server| server.contains(&address))
            .count()
            == 2
    };
    polling::until_true("two servers of the replica", LIMIT, are_ready).unwrap();
    assert_eq!(
        client.query("show vacuum_cost_page_dirty").unwrap(),
        PRIMARY
    );
    assert!(are_ready());
}

/// A client whose reads go to the replica, by a server that is known well enough.
fn settled(world: &World) -> Wire {
    let mut client = world.reader();
    polling::until_true("reads at the replica, one after the other", LIMIT, || {
        (0..4).all(|_| client.query(WHO).unwrap() == REPLICA)
    })
    .unwrap();
    client
}

#[test]
fn every_round_is_counted_where_it_goes_by_the_rule_that_sends_it_there() {
    let Some(watched) = Watched::start() else {
        return;
    };
    let world = &watched.world;
    world.prepare(
        "create sequence counted; create view counts as select nextval('counted') as number;\
         grant all on sequence counted to public; grant all on counts to public;\
         create table noted (number int); grant all on noted to public",
    );
    let mut client = settled(world);
    let routed = |endpoint, rule: &str, count: &str| {
        let rule = format!(",rule=\"{rule}\"");
        watched.await_metric("routes_total", endpoint, &rule, count);
    };
    let mut number = 0;
    let is_refused = || {
        number += 1;
        let seen = client.query("select number from counts").unwrap();
        assert_eq!(seen, number.to_string());
        world.standby.log().contains("from counts")
    };
    polling::until_true("the replica to be asked", LIMIT, is_refused).unwrap();
    watched.await_metric("healed_total", "replica", ",reason=\"read_only\"", "1");
    // Its first server may have been too new to be known.
    let unproven = watched.metric("healed_total", "replica", ",reason=\"unproven\"");
    let unproven: u64 = unproven.map_or(0, |count| count.parse().unwrap());
    routed("primary", "barred", &(unproven + 1).to_string());
    client.query("insert into noted values (1)").unwrap();
    client.query("insert into noted values (2)").unwrap();
    client.query("begin").unwrap();
    client.query("commit").unwrap();
    client.query("create table of_the_client (a int)").unwrap();
    client.query("set work_mem = '5MB'").unwrap();
    routed("primary", "writes", "2");
    routed("primary", "begins", "1");
    routed("primary", "sets", "1");
    routed("primary", "unclear", "1");
    let mut client = settled(world);
    client
        .query("/* tidegate:primary */ select number from noted")
        .unwrap();
    client.query("show tidegate.lsn").unwrap();
    client
        .query("set default_transaction_isolation = serializable")
        .unwrap();
    routed("primary", "demanded_primary", "1");
    routed("primary", "shows_lsn", "1");
    // What is said while the server still owes the value of the parameter is not looked at.
    polling::until_true("a read of a serializable session", LIMIT, || {
        client.query("select number from noted").unwrap();
        watched
            .metric("routes_total", "primary", ",rule=\"serializable\"")
            .is_some()
    })
    .unwrap();
    let rules = ["nearest", "only_one"];
    let chosen = rules.map(|rule| {
        let rule = format!(",rule=\"{rule}\"");
        watched.metric("routes_total", "replica", &rule)
    });
    assert!(chosen.iter().any(Option::is_some), "{chosen:?}");
}

#[test]
fn how_endpoints_are_is_on_the_page_of_metrics() {
    let Some(watched) = Watched::start() else {
        return;
    };
    let mut client = watched.world.reader();
    for (name, primary, replica) in [
        ("endpoint_up", Some("1"), Some("1")),
        ("endpoint_primary", Some("1"), Some("0")),
        ("endpoint_lag_bytes", None, Some("0")),
        ("endpoint_lag_seconds", None, Some("0")),
        ("endpoint_ejected", Some("0"), Some("0")),
        ("endpoint_share_ratio", Some("1"), Some("1")),
        ("endpoint_waiting_clients", Some("0"), Some("0")),
    ] {
        for (endpoint, expected) in [("primary", primary), ("replica", replica)] {
            match expected {
                Some(expected) => watched.await_metric(name, endpoint, "", expected),
                None => assert_eq!(watched.metric(name, endpoint, ""), None, "{name}"),
            }
        }
    }
    for endpoint in ["primary", "replica"] {
        let trip = watched.metric("endpoint_round_trip_seconds", endpoint, "");
        let trip: f64 = trip.unwrap().parse().unwrap();
        assert!(trip > 0.0 && trip < 60.0, "{trip}");
    }
    watched.await_metric("endpoint_servers", "replica", ",state=\"idle\"", "1");
    watched.await_metric("endpoint_servers", "primary", ",state=\"active\"", "0");
    client.query("begin").unwrap();
    watched.await_metric("endpoint_servers", "primary", ",state=\"active\"", "1");
    let shown = watched.world.node.console("show endpoints").unwrap();
    let servers = |place: usize| -> Vec<&str> {
        let line = shown.lines().nth(place).unwrap();
        line.rsplit('|').take(3).collect()
    };
    // cl_waiting, sv_idle, sv_active
    assert_eq!(servers(0)[2], "1", "{shown}");
    assert_eq!(servers(1), ["0", "1", "0"], "{shown}");
}

#[test]
fn the_log_tells_where_each_round_went_and_how_many_of_a_client_went_where() {
    let Some(watched) = Watched::start() else {
        return;
    };
    let mut client = watched.world.connect();
    // The replica may be looked at late, and what is read until then is the primary's.
    let mut at_primary = 0;
    let is_there = || {
        let is_there = client.query(WHO).unwrap() == REPLICA;
        at_primary += u32::from(!is_there);
        is_there
    };
    polling::until_true("a read at the replica", LIMIT, is_there).unwrap();
    client.query("create temporary table kept (a int)").unwrap();
    client.query("discard all").unwrap();
    let word = "/* tidegate:primary */ select 1";
    client.query(word).unwrap();
    client.send(&wire::terminate()).unwrap();
    client.until_closed().unwrap();
    let end = watched.log().wait_for_log("reason=\"terminated\"").unwrap();
    let counts = format!("route=primary {} replica 1 ", at_primary + 2);
    assert!(end.contains(&counts), "{end}, and not {counts}");
    let lines = watched.log().log_lines();
    let told = |endpoint: &str, rule: &str| {
        let fields = format!("endpoint=\"{endpoint}\" rule=\"{rule}\"");
        lines.iter().any(|line| line.contains(&fields))
    };
    assert!(told("primary", "demanded_primary"), "{lines:#?}");
    assert!(told("primary", "unclear"), "{lines:#?}");
    assert!(
        told("replica", "only_one") || told("replica", "nearest"),
        "{lines:#?}"
    );
}

#[test]
fn the_console_tells_where_a_text_would_go_and_why() {
    let Some(watched) = Watched::start() else {
        return;
    };
    let world = &watched.world;
    let database = &world.database.name;
    let route = |text: &str| -> Vec<Vec<String>> {
        let text = text.replace('\'', "''");
        let asked = format!("show route acme \"{database}\" '{text}'");
        let shown = world.node.console(&asked).unwrap();
        let cells = |line: &str| line.split('|').map(str::to_owned).collect();
        shown.lines().map(cells).collect()
    };
    let unused = route("select 1");
    assert_eq!(unused[0][3..5], ["reads", "it only reads"]);
    assert!(
        unused[2][4].starts_with("nobody uses the tenant"),
        "{unused:?}"
    );
    let mut client = settled(world);
    client.query("select count(*) from pg_class").unwrap();
    // What is near is measured anew all the time.
    let mut read = Vec::new();
    let is_there = || {
        read = route("select 1");
        // Other tests write, too.
        read[2][1..3] == ["yes", "100"] && read[2][5] == "0"
    };
    polling::until_true("a read to be shown at the replica", LIMIT, is_there).unwrap();
    assert_eq!(read[1][..3], ["primary", "no", "0"], "{read:?}");
    assert_eq!(
        read[2][..5],
        ["replica", "yes", "100", "only_one", ""],
        "{read:?}"
    );
    assert!(read[2][7].parse::<u64>().unwrap() > 0, "{read:?}");
    let write = route("insert into t values ('it''s')");
    assert_eq!(
        write[0][3..5],
        ["writes", "it is no query but another command"]
    );
    assert_eq!(write[1][..4], ["primary", "yes", "100", "writes"]);
    assert_eq!(write[2][..4], ["replica", "no", "0", ""]);
    // A client has called a function: the catalog is asked for it.
    let is_known = || route("select count(*) from pg_class")[0][3] == "reads";
    polling::until_true("functions to be known", LIMIT, is_known).unwrap();
    let unknown = route("select 1 + of_nobody()");
    let why = "it calls a function of which nothing is known: of_nobody";
    assert_eq!(unknown[0][4], why);
    let hinted = route("/* tidegate:primary */ select 1");
    assert_eq!(hinted[0][4], "it only reads; its comment says primary");
    assert_eq!(hinted[1][3], "demanded_primary");
}

#[test]
fn a_block_that_moves_to_the_primary_is_counted_there() {
    let Some(watched) = Watched::start_at("transaction_routing = \"first_statement\"", "") else {
        return;
    };
    let mut client = settled(&watched.world);
    let mut blocks = 0;
    let mut moved = 0;
    polling::until_true("a block that moves to be counted", LIMIT, || {
        client.query("begin").unwrap();
        client.query("set local work_mem = '5MB'").unwrap();
        client.query("commit").unwrap();
        blocks += 1;
        let counted = watched.metric("routes_total", "primary", ",rule=\"moves\"");
        moved = counted.and_then(|count| count.parse().ok()).unwrap_or(0);
        moved > 0
    })
    .unwrap();
    assert!(moved <= blocks, "{moved} of {blocks}");
}
