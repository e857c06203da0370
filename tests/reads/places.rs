//! Where statements go.

use std::time::Duration;

use tidegate_harness::StopSignal;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;

use crate::client::copied;
use crate::stage::Plan;
use crate::stage::WHO;

/// How a read is said, and how its one row is heard.
type Way = fn(&mut Wire) -> Result<String, WireError>;

/// Says these messages and a `Sync`; the rows.
pub(crate) fn rows_of(wire: &mut Wire, messages: &[Vec<u8>]) -> Result<String, WireError> {
    wire.send(&[messages.concat(), wire::sync()].concat())?;
    wire.rows()
}

/// Runs a statement of this name.
pub(crate) fn execute(wire: &mut Wire, name: &str) -> Result<String, WireError> {
    let messages = [wire::bind("", name, &[])?, wire::execute("")?];
    rows_of(wire, &messages)
}

const READS: [(&str, Way); 8] = [
    ("a query", |wire| wire.query(WHO)),
    ("two statements in a query", |wire| {
        wire.query("select port from answers where false; select port from answers")
    }),
    ("an unnamed statement", |wire| {
        let parse = wire::parse("", WHO)?;
        let messages = [parse, wire::bind("", "", &[])?, wire::execute("")?];
        rows_of(wire, &messages)
    }),
    ("a named statement", |wire| {
        rows_of(wire, &[wire::parse("who", WHO)?])?;
        execute(wire, "who")?;
        execute(wire, "who")
    }),
    ("a copy", |wire| {
        wire.send(&wire::query(format!("copy ({WHO}) to stdout"))?)?;
        Ok(copied(wire)?.trim_end().to_owned())
    }),
    ("a block", |wire| {
        wire.query("begin read only")?;
        let port = wire.query(WHO)?;
        wire.query("commit")?;
        Ok(port)
    }),
    ("a block with a cursor", |wire| {
        wire.query("start transaction read only")?;
        wire.query(&format!("declare c cursor for {WHO}"))?;
        let port = wire.query("fetch all from c")?;
        wire.query("rollback")?;
        Ok(port)
    }),
    ("a hint", |wire| {
        wire.query(&format!("/* tidegate:replica */ {WHO}"))
    }),
];

const OTHERS: [(&str, Way); 8] = [
    ("a write that reads", |wire| {
        wire.query("insert into counters values (1, 0) returning (select port from answers)")
    }),
    ("a locking read", |wire| {
        wire.query("select port from answers, counters where key = 0 for update of counters")
    }),
    ("a read of a sequence", |wire| {
        let row = wire.query("select port, nextval('numbers') from answers")?;
        Ok(row.split('|').next().unwrap_or_default().to_owned())
    }),
    ("a read of what a server is", |wire| {
        wire.query("select pg_catalog.inet_server_port()")
    }),
    ("a block", |wire| {
        wire.query("begin")?;
        let port = wire.query(WHO)?;
        wire.query("commit")?;
        Ok(port)
    }),
    ("a serializable block", |wire| {
        wire.query("begin isolation level serializable read only")?;
        let port = wire.query(WHO)?;
        wire.query("commit")?;
        Ok(port)
    }),
    ("a hint", |wire| {
        wire.query(&format!("/* tidegate:primary */ {WHO}"))
    }),
    ("a read together with a write", |wire| {
        wire.query("select port from answers; delete from counters where key = 1")
    }),
];

const SMALL: Plan<'_> = Plan {
    sql: "create sequence numbers; insert into counters values (0, 0)",
    ..Plan::SMALL
};

#[test]
fn each_node_reads_at_its_own_nearest_replica_and_writes_at_the_primary() {
    let Some(stage) = Plan::LARGE.stage() else {
        return;
    };
    for (node, nearest) in [(0, 1), (1, 3)] {
        stage.until_read_at(node, nearest);
        let mut client = stage.nodes[node].connect();
        stage.until(&mut client, "reads at the nearest", |client| {
            (0..30).all(|_| client.query(WHO).unwrap() == stage.port(nearest))
        });
        let sql = format!("insert into counters values ({node}, 0) returning ({WHO})");
        assert_eq!(client.query(&sql).unwrap(), stage.port(0));
    }
    assert_eq!(stage.admin("select count(*) from counters"), "2");
}

#[test]
fn whatever_only_reads_is_answered_by_the_replica_however_it_is_said() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    for (name, way) in READS {
        let mut client = stage.nodes[0].connect();
        stage.until(&mut client, name, |client| {
            (0..3).all(|_| {
                let found = way(client).unwrap();
                drop(rows_of(client, &[close("who")]).unwrap());
                found == stage.port(1)
            })
        });
    }
}

fn close(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let target = tidegate_proto::frontend::Target::Statement(name.as_bytes());
    let close = tidegate_proto::frontend::Close { target };
    close.encode(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_writes_or_may_write_or_is_about_one_server_is_answered_by_the_primary() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    for (name, way) in OTHERS {
        let mut client = stage.nodes[0].connect();
        assert_eq!(way(&mut client).unwrap(), stage.port(0), "{name}");
    }
}

#[test]
fn a_client_says_itself_where_its_reads_go() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let node = &stage.nodes[0];
    let mut client = node.connect();
    client.query("set tidegate.route = 'primary'").unwrap();
    assert_eq!(client.query(WHO).unwrap(), stage.port(0));
    assert_eq!(client.query("show tidegate.route").unwrap(), "primary");
    client.query("set tidegate.route to replica").unwrap();
    stage.until_at(&mut client, 1);
    client.query("set tidegate.route = 'primary'").unwrap();
    assert_eq!(client.query(WHO).unwrap(), stage.port(0));
    client.query("reset tidegate.route").unwrap();
    stage.until_at(&mut client, 1);

    let login = node.login().with("options", "-c tidegate.route=primary");
    let mut client = Wire::connect(&login).unwrap();
    assert_eq!(client.query(WHO).unwrap(), stage.port(0));
    client.query("discard all").unwrap();
    assert_eq!(client.query("show tidegate.route").unwrap(), "primary");
}

#[test]
fn what_stands_behind_a_read_only_block_goes_where_it_belongs() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    let raise = "update counters set value = value + 1 where key = 0 returning value";
    let says = |client: &mut Wire, texts: &[&str]| {
        let texts = texts.iter().map(|text| wire::query(text).unwrap());
        client.send(&texts.collect::<Vec<_>>().concat()).unwrap();
    };
    let hears = |client: &mut Wire, count: usize| {
        let heard: Vec<String> = (0..count).map(|_| client.rows().unwrap()).collect();
        heard
    };
    let mut value = 0;
    // All in one write; and the end of the block, and the next.
    for apart in [0, 1] {
        stage.until(&mut client, "a block at the replica", |client| {
            stage.until_at(client, 1);
            let texts = ["begin read only", WHO, "commit", raise];
            says(client, &texts[..apart]);
            hears(client, apart);
            says(client, &texts[apart..]);
            let heard = hears(client, texts.len() - apart);
            value += 1;
            assert_eq!(heard[3 - apart], value.to_string());
            heard[1 - apart] == stage.port(1)
        });
    }
    // As soon as the block is over, though its settings are still to be learnt.
    for hours in 3..10 {
        value += 1;
        stage.until_at(&mut client, 1);
        let zone = format!("set timezone = 'Etc/GMT-{hours}'");
        for text in ["begin read only", &zone, "commit"] {
            client.query(text).unwrap();
        }
        assert_eq!(client.query(raise).unwrap(), value.to_string());
    }
}

#[test]
fn what_follows_the_end_of_a_demand_for_a_replica_goes_where_it_belongs() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    let raise = "update counters set value = value + 1 where key = 0 returning value";
    for value in 1..5 {
        client.query("set tidegate.route = 'replica'").unwrap();
        stage.until_at(&mut client, 1);
        client.query("set tidegate.route = 'primary'").unwrap();
        assert_eq!(client.query(raise).unwrap(), value.to_string());
    }
}

#[test]
fn a_tenant_whose_route_is_the_primary_reads_there() {
    let plan = Plan {
        tenant: "route = \"primary\"",
        ..Plan::SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    let mut client = stage.nodes[0].connect();
    client.query("/* tidegate:primary */ select 1").unwrap();
    // Long enough for all to be known of the replica that there is to know.
    stage.until_seen(0);
    for _ in 0..10 {
        assert_eq!(client.query(WHO).unwrap(), stage.port(0));
    }
}

#[test]
fn settings_of_a_session_are_its_own_at_every_server() {
    let plan = Plan {
        sql: "create schema other; create view other.answers as \
              select -pg_catalog.inet_server_port() as port",
        ..Plan::SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    let mut another = stage.nodes[0].connect();
    client.query("set search_path = other").unwrap();
    client.query("set application_name = 'reader'").unwrap();
    let negative = |client: &mut Wire| {
        let port = client.query(WHO).unwrap();
        assert!(port.starts_with('-'), "{port}");
        port == format!("-{}", stage.port(1))
    };
    stage.until(&mut client, "a read at the replica", negative);
    let name = "select count(*) from pg_stat_activity where application_name = 'reader'";
    assert_eq!(stage.admin_of(1, name), "1");
    stage.until(&mut another, "a read at the replica", |another| {
        let port = another.query(WHO).unwrap();
        assert!(!port.starts_with('-'), "{port}");
        port == stage.port(1)
    });
    client
        .query("begin; set local search_path = public")
        .unwrap();
    assert_eq!(client.query(WHO).unwrap(), stage.port(0));
    client.query("commit").unwrap();
    stage.until(&mut client, "a read at the replica", negative);
}

#[test]
fn a_client_with_a_temporary_table_reads_where_that_is() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    client
        .query("create temporary table mine (number int)")
        .unwrap();
    client.query("insert into mine values (7)").unwrap();
    assert_eq!(client.query("select number from mine").unwrap(), "7");
    assert_eq!(client.query(WHO).unwrap(), stage.port(0));
    client.query("discard temp").unwrap();
}

#[test]
fn a_cancel_request_reaches_the_replica() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.paused_at_the_replica("port", "answers, ");
    client.cancel().unwrap();
    let cancelled = client.rows().unwrap_err();
    assert_eq!(cancelled.sqlstate(), "57014", "{cancelled}");
    stage.until_at(&mut client, 1);
}

#[test]
fn without_replicas_reads_go_to_the_primary_and_back_when_there_are_some() {
    let Some(mut stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    stage.clusters[1].halt(StopSignal::Interrupt).unwrap();
    let mut client = stage.nodes[0].connect();
    for _ in 0..5 {
        assert_eq!(client.query(WHO).unwrap(), stage.port(0));
    }
    stage.clusters[1].start_again().unwrap();
    stage.until_read_at(0, 1);
    // One that has become too far away is not the nearest any more.
    stage.nodes[0].relays[1].set_round_trip(Duration::from_millis(400));
    stage.nodes[0].relays[0].set_round_trip(Duration::ZERO);
    stage.until_read_at(0, 0);
}
