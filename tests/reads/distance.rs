//! What it is for: how long a read takes where there is a replica at hand, beside one that goes to the
//! primary.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use tidegate_harness::wire::Wire;

use crate::course::Course;
use crate::stage::Plan;
use crate::stage::WHO;

const NEAR_READS: usize = 400;
const FAR_READS: usize = 20;

/// The time of the fastest of so many reads, which is that of the way whatever else the machine does;
/// and of a hundred of them how many this port has answered.
fn fastest(client: &mut Wire, count: usize, port: &str) -> (Duration, usize) {
    let course = Course::begin();
    let mut time = Duration::MAX;
    let mut there = 0;
    for _ in 0..count {
        let began = course.now();
        there += usize::from(client.query(WHO).unwrap() == port);
        time = time.min(course.now().saturating_sub(began));
    }
    (time, there * 100 / count)
}

#[test]
fn a_read_takes_the_way_to_the_nearest_replica_and_no_longer() {
    let Some(stage) = Plan::LARGE.stage() else {
        return;
    };
    let mut table = String::from("node, nearest replica, primary, share of the nearest\n");
    for (number, nearest) in [(0, 1), (1, 3)] {
        stage.until_read_at(number, nearest);
        let mut client = stage.nodes[number].connect();
        let way = Duration::from_millis(Plan::LARGE.nodes[number][0]);
        let what = "nineteen of twenty reads at the nearest replica, and fast";
        stage.until(&mut client, what, |client| {
            client.query("set tidegate.route = 'auto'").unwrap();
            let (near, share) = fastest(client, NEAR_READS, &stage.port(nearest));
            client.query("set tidegate.route = 'primary'").unwrap();
            let (far, at_primary) = fastest(client, FAR_READS, &stage.port(0));
            assert_eq!(at_primary, 100);
            assert!(far >= way, "{far:?}");
            // Writing to a string cannot fail.
            writeln!(table, "{number}, {near:?}, {far:?}, {share} %").ok();
            share >= 95 && near < way / 3
        });
    }
    // Seen only where the test's output is shown.
    drop(write!(std::io::stdout(), "{table}"));
}

/// The time of the fastest of so many blocks of one statement, from `begin` to the end of `commit`, and
/// of a hundred of them how many were answered so.
fn fastest_block(
    client: &mut Wire,
    count: usize,
    [begin, sql]: [&str; 2],
    answer: &str,
) -> (Duration, usize) {
    let course = Course::begin();
    let mut time = Duration::MAX;
    let mut answers = 0;
    for _ in 0..count {
        let began = course.now();
        client.query(begin).unwrap();
        answers += usize::from(client.query(sql).unwrap() == answer);
        client.query("commit").unwrap();
        time = time.min(course.now().saturating_sub(began));
    }
    (time, answers * 100 / count)
}

#[test]
fn a_block_that_reads_is_near_and_one_that_writes_no_farther_than_at_the_primary() {
    let plan = Plan {
        pool: "transaction_routing = \"first_statement\"",
        sql: "insert into counters values (0, 0)",
        ..Plan::SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let way = Duration::from_millis(plan.nodes[0][0]);
    let (mut reader, mut writer) = (stage.nodes[0].connect(), stage.nodes[0].connect());
    let what = "nineteen of twenty blocks at the replica, and fast";
    stage.until(&mut reader, what, |reader| {
        let (near, share) = fastest_block(reader, NEAR_READS, ["begin", WHO], &stage.port(1));
        // Seen only where the test's output is shown.
        drop(writeln!(std::io::stdout(), "reads {near:?}, {share} %"));
        share >= 95 && near < way / 2
    });
    let raise = "update counters set value = value + 1 where key = 0";
    let (says_so, _) = fastest_block(&mut writer, FAR_READS, ["begin read write", raise], "");
    assert!(says_so >= 3 * way, "{says_so:?}");
    // Its blocks begin at the replica, whatever it has written.
    writer
        .query("set tidegate.consistency = 'eventual'")
        .unwrap();
    stage.until(
        &mut writer,
        "a block that moves, and no farther",
        |writer| {
            let (moves, _) = fastest_block(writer, FAR_READS, ["begin", raise], "");
            let times =
                format!("way to the primary {way:?}: writes {moves:?}, says so {says_so:?}");
            drop(writeln!(std::io::stdout(), "{times}"));
            moves < says_so + way
        },
    );
}
