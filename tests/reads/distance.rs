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

/// The median time of so many reads, and of a hundred of them how many this port has answered.
fn median(client: &mut Wire, count: usize, port: &str) -> (Duration, usize) {
    let course = Course::begin();
    let mut times = Vec::new();
    let mut there = 0;
    for _ in 0..count {
        let began = course.now();
        there += usize::from(client.query(WHO).unwrap() == port);
        times.push(course.now().saturating_sub(began));
    }
    times.sort_unstable();
    (times[times.len() / 2], there * 100 / count)
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
        let (near, share) = median(&mut client, NEAR_READS, &stage.port(nearest));
        client.query("set tidegate.route = 'primary'").unwrap();
        let (far, at_primary) = median(&mut client, FAR_READS, &stage.port(0));
        assert_eq!(at_primary, 100);
        assert!(share >= 95, "{share} % at the nearest replica");
        let way = Duration::from_millis(Plan::LARGE.nodes[number][0]);
        assert!(far >= way && near < way / 3, "{near:?} and {far:?}");
        // Writing to a string cannot fail.
        writeln!(table, "{number}, {near:?}, {far:?}, {share} %").ok();
    }
    // Seen only where the test's output is shown.
    drop(write!(std::io::stdout(), "{table}"));
}
