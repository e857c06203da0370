//! What a read must have seen, one case at a time.

use std::time::Duration;

use tidegate_harness::StopSignal;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

use crate::client::round;
use crate::course::Course;
use crate::places::execute;
use crate::places::rows_of;
use crate::stage::Plan;
use crate::stage::Stage;

const VALUE: &str = "select value, port from counters, answers where key = 0";
const RAISE: &str = "update counters set value = value + 1 where key = 0";

const ONE_COUNTER: &str = "insert into counters values (0, 0)";

const SMALL: Plan<'_> = Plan {
    sql: ONE_COUNTER,
    ..Plan::SMALL
};

/// One standby, which is read from, and shows nothing new from now on.
fn paused(plan: &Plan<'_>) -> Option<Stage> {
    let stage = plan.stage()?;
    for node in 0..stage.nodes.len() {
        stage.until_read_at(node, 1);
    }
    stage.clusters[1].pause_replay().unwrap();
    Some(stage)
}

impl Stage {
    /// The standby shows what the primary has written by itself since it was paused, and nothing newer.
    fn follow_once(&self) {
        self.clusters[1].resume_replay().unwrap();
        self.catch_up();
        self.clusters[1].pause_replay().unwrap();
    }

    /// The value, and which cluster it is read from.
    fn row(&self, value: u32, cluster: usize) -> String {
        format!("{value}|{}", self.port(cluster))
    }
}

#[test]
fn a_client_reads_its_own_write_and_another_one_may_not_yet() {
    let Some(stage) = paused(&SMALL) else {
        return;
    };
    let mut client = stage.who_reads(0, VALUE, &stage.row(0, 1));
    client.query(RAISE).unwrap();
    for _ in 0..5 {
        assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
        stage.who_reads(0, VALUE, &stage.row(0, 1));
    }
    // It stays so for as long as the replica is behind, whatever else is known of it by now.
    stage.until_seen(0);
    assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
    stage.clusters[1].resume_replay().unwrap();
    stage.until(&mut client, "a read at the replica", |client| {
        let row = client.query(VALUE).unwrap();
        assert!(row.starts_with("1|"), "{row}");
        row == stage.row(1, 1)
    });
}

#[test]
fn a_write_is_read_however_both_are_said() {
    let Some(stage) = paused(&SMALL) else {
        return;
    };
    let writes: [fn(&mut Wire); 7] = [
        |wire| drop(wire.query(RAISE).unwrap()),
        |wire| drop(wire.query(&format!("select 1; {RAISE}; select 2")).unwrap()),
        |wire| {
            for sql in ["begin", RAISE, "select 1", "commit"] {
                wire.query(sql).unwrap();
            }
        },
        |wire| {
            for sql in ["begin", "savepoint a", RAISE, "release a", "end"] {
                wire.query(sql).unwrap();
            }
        },
        |wire| {
            let parse = wire::parse("", RAISE).unwrap();
            let bind = wire::bind("", "", &[]).unwrap();
            rows_of(wire, &[parse, bind, wire::execute("").unwrap()]).unwrap();
        },
        |wire| drop(wire.query(&format!("do $$ begin {RAISE}; end $$")).unwrap()),
        |wire| {
            let sql = format!("with raised as ({RAISE} returning value) table raised");
            wire.query(&sql).unwrap();
        },
    ];
    let reads: [fn(&mut Wire) -> String; 4] = [
        |wire| wire.query(VALUE).unwrap(),
        |wire| {
            let parse = wire::parse("", VALUE).unwrap();
            let bind = wire::bind("", "", &[]).unwrap();
            rows_of(wire, &[parse, bind, wire::execute("").unwrap()]).unwrap()
        },
        |wire| execute(wire, "value").unwrap(),
        |wire| {
            wire.query("begin read only").unwrap();
            let row = wire.query(VALUE).unwrap();
            wire.query("commit").unwrap();
            row
        },
    ];
    let mut value = 0;
    for (number, write) in writes.into_iter().enumerate() {
        for read in reads {
            let mut client = stage.who_reads_by(0, &stage.row(0, 1), |client| {
                rows_of(client, &[wire::parse("value", VALUE).unwrap()]).unwrap();
                execute(client, "value").unwrap()
            });
            write(&mut client);
            value += 1;
            assert_eq!(read(&mut client), stage.row(value, 0), "write {number}");
        }
    }
}

#[test]
fn a_pipeline_of_writes_and_reads_is_answered_in_order() {
    let Some(stage) = paused(&SMALL) else {
        return;
    };
    let mut client = stage.nodes[0].connect();
    let read = "select value from counters where key = $1";
    let write = "update counters set value = value + 1 where key = $1 returning value";
    let parses = [
        wire::parse("r", read).unwrap(),
        wire::parse("w", write).unwrap(),
    ];
    rows_of(&mut client, &parses).unwrap();
    let order = ["r", "w", "r", "r", "w", "w", "r"];
    let rounds: Vec<u8> = order
        .iter()
        .flat_map(|name| round(name, 0).unwrap())
        .collect();
    for turn in 0..3 {
        client.send(&rounds).unwrap();
        let told: Vec<String> = order.iter().map(|_| client.rows().unwrap()).collect();
        let wanted = [0, 1, 1, 1, 2, 3, 3].map(|value| (value + 3 * turn).to_string());
        assert_eq!(told, wanted);
    }
}

#[test]
fn a_read_that_comes_before_its_server_is_free_and_waits_for_a_replica_is_answered() {
    let plan = Plan {
        nodes: &[&[12, 0]],
        ..SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    let raise = format!("{RAISE} returning value");
    // Now and then the client is faster than the primary, which tells how far it has come.
    for value in 1..=300 {
        for text in [raise.as_str(), "select value from counters"] {
            assert_eq!(client.query(text).unwrap(), value.to_string());
        }
    }
}

#[test]
fn a_client_does_not_go_back_from_one_replica_to_one_that_is_behind() {
    let plan = Plan {
        nodes: &[&[60, 0, 20]],
        ..SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    stage.clusters[2].pause_replay().unwrap();
    stage.admin(RAISE);
    stage.clusters[1].catch_up(&stage.clusters[0]).unwrap();
    let mut client = stage.who_reads(0, VALUE, &stage.row(1, 1));
    stage.nodes[0].relays[1].cut().unwrap();
    // Who has seen nothing may read the old value.
    stage.who_reads(0, VALUE, &stage.row(0, 2));
    for _ in 0..5 {
        assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
    }
}

#[test]
fn a_client_does_not_go_back_with_a_replica_that_came_back_older_than_it_was() {
    let Some(mut stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    stage.admin(RAISE);
    stage.clusters[1].catch_up(&stage.clusters[0]).unwrap();
    let mut client = stage.who_reads(0, VALUE, &stage.row(1, 1));
    // What it had replayed it has not written: it begins where it was consistent last.
    stage.clusters[1]
        .delay_replay(Duration::from_mins(10))
        .unwrap();
    stage.clusters[1].halt(StopSignal::Kill).unwrap();
    stage.clusters[1].start_again().unwrap();
    let value = "select value from counters where key = 0";
    assert_eq!(stage.admin_of(1, value), "0", "it came back as it was");
    for _ in 0..5 {
        assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
    }
    stage.who_reads(0, VALUE, &stage.row(0, 1));
    assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
    stage.clusters[1].delay_replay(Duration::ZERO).unwrap();
}

#[test]
fn with_consistency_tenant_everybody_at_a_node_reads_what_anybody_there_wrote() {
    let plan = Plan {
        pool: "consistency = \"tenant\"",
        ..SMALL
    };
    let Some(stage) = paused(&plan) else {
        return;
    };
    let mut writer = stage.nodes[0].connect();
    let mut reader = stage.who_reads(0, VALUE, &stage.row(0, 1));
    for value in 1..10 {
        writer.query(RAISE).unwrap();
        assert_eq!(reader.query(VALUE).unwrap(), stage.row(value, 0));
    }
}

#[test]
fn with_consistency_tenant_a_block_shows_what_was_acknowledged_before_its_first_statement() {
    let plan = Plan {
        pool: "consistency = \"tenant\"\ntransaction_routing = \"first_statement\"",
        ..SMALL
    };
    let Some(stage) = paused(&plan) else {
        return;
    };
    let mut another = stage.nodes[0].connect();
    let mut clients = ["begin", "begin read only"].map(|begin| {
        let mut client = stage.nodes[0].connect();
        stage.until(&mut client, "a block at the replica", |client| {
            client.query(begin).unwrap();
            let row = client.query(VALUE).unwrap();
            client.query("commit").unwrap();
            let is_there = row == stage.row(0, 1);
            if !is_there {
                stage.follow_once();
            }
            is_there
        });
        client.query(begin).unwrap();
        client
    });
    another.query(RAISE).unwrap();
    for client in &mut clients {
        assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
        client.query("commit").unwrap();
    }
}

#[test]
fn with_consistency_bounded_a_replica_is_read_until_it_is_too_far_behind() {
    let plan = Plan {
        pool: "consistency = \"bounded\"\nmax_lag = \"4s\"",
        ..SMALL
    };
    let Some(stage) = paused(&plan) else {
        return;
    };
    let mut client = stage.nodes[0].connect();
    let mut value = 0;
    // Its own write, too.
    stage.until(&mut client, "a read behind a write", |client| {
        client.query(RAISE).unwrap();
        value += 1;
        let row = client.query(VALUE).unwrap();
        let is_behind = row == stage.row(value - 1, 1);
        if !is_behind {
            // It was too far behind already.
            assert_eq!(row, stage.row(value, 0));
            stage.follow_once();
        }
        is_behind
    });
    stage.until(&mut client, "the lag to be too much", |client| {
        client.query(VALUE).unwrap() == stage.row(value, 0)
    });
    stage.clusters[1].resume_replay().unwrap();
    stage.until(&mut client, "a read at the replica", |client| {
        client.query(VALUE).unwrap() == stage.row(value, 1)
    });
}

#[test]
fn a_client_that_takes_reads_of_any_age_says_so_itself() {
    let Some(stage) = paused(&SMALL) else {
        return;
    };
    let mut client = stage.nodes[0].connect();
    client.query(RAISE).unwrap();
    assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
    client
        .query("set tidegate.consistency = 'eventual'")
        .unwrap();
    assert_eq!(
        client.query("show tidegate.consistency").unwrap(),
        "eventual"
    );
    stage.until(&mut client, "a read at the replica", |client| {
        client.query(VALUE).unwrap() == stage.row(0, 1)
    });
    client.query("reset tidegate.consistency").unwrap();
    assert_eq!(client.query(VALUE).unwrap(), stage.row(1, 0));
}

#[test]
fn a_client_takes_what_it_has_seen_along_to_another_node() {
    let plan = Plan {
        nodes: &[&[40, 0], &[40, 0]],
        ..SMALL
    };
    let Some(stage) = paused(&plan) else {
        return;
    };
    let mut here = stage.nodes[0].connect();
    here.query(RAISE).unwrap();
    let mut there = stage.who_reads(1, VALUE, &stage.row(0, 1));
    let seen = here.query("show tidegate.lsn").unwrap();
    let written = stage.admin("select pg_catalog.pg_current_wal_insert_lsn()");
    let compared = format!("select '{seen}'::pg_lsn <= '{written}'");
    assert_eq!(stage.admin(&compared), "t", "{seen} and {written}");
    there
        .query(&format!("set tidegate.min_lsn = '{seen}'"))
        .unwrap();
    assert_eq!(there.query(VALUE).unwrap(), stage.row(1, 0));
    stage.clusters[1].resume_replay().unwrap();
    stage.until(&mut there, "a read at the replica", |there| {
        there.query(VALUE).unwrap() == stage.row(1, 1)
    });
}

#[test]
fn what_a_client_has_seen_is_told_at_once_and_is_its_own() {
    let Some(stage) = SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let [mut client, mut another] = [stage.nodes[0].connect(), stage.nodes[0].connect()];
    let is_so = |one: &str, than: &str, two: &str| {
        let sql = format!("select '{one}'::pg_lsn {than} '{two}'");
        assert_eq!(stage.admin(&sql), "t", "{one} and {two}");
    };
    for _ in 0..20 {
        client.query(RAISE).unwrap();
        let seen = client.query("show tidegate.lsn").unwrap();
        let written = "select value, pg_current_wal_insert_lsn() from counters";
        let row = another.query(written).unwrap();
        is_so(row.split_once('|').unwrap().1, ">=", &seen);
        // Together with what it tells of.
        let before = stage.admin("select pg_current_wal_insert_lsn()");
        let messages = [RAISE, "show tidegate.lsn"].map(|text| wire::query(text).unwrap());
        another.send(&messages.concat()).unwrap();
        another.rows().unwrap();
        let seen = another.rows().unwrap();
        is_so(&seen, ">", &before);
    }
}

#[test]
fn a_read_after_a_write_is_at_the_replica_again_when_that_has_it() {
    let plan = Plan {
        nodes: &[&[200, 0]],
        ..SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    let course = Course::begin();
    let mut fastest = Duration::MAX;
    for value in 1..=10 {
        client.query(RAISE).unwrap();
        let began = course.now();
        stage.until(&mut client, "a read at the replica", |client| {
            let row = client.query(VALUE).unwrap();
            assert!(row.starts_with(&format!("{value}|")), "{row}");
            row == stage.row(value, 1)
        });
        // The first is there by chance, at any moment between two looks.
        if value > 1 {
            fastest = fastest.min(course.now().saturating_sub(began));
        }
    }
    // In a fraction of the second in which endpoints are looked at without a reason.
    assert!(fastest < Duration::from_millis(300), "{fastest:?}");
}
