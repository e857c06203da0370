//! A crowd that writes and reads through two nodes, whatever becomes of the servers, and what it has
//! seen then.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::polling;

use crate::client::Client;
use crate::client::SHARED;
use crate::client::Shares;
use crate::client::own;
use crate::course::Course;
use crate::history::History;
use crate::history::Rule;
use crate::history::Violation;
use crate::history::What;
use crate::nemesis::Nemesis;
use crate::stage::Node;
use crate::stage::Plan;
use crate::stage::Stage;

const SECONDS: u64 = 8;
const CLIENTS: u64 = 12;
const SEED: u64 = 20_261_130;

/// How many of many violations are shown.
const SHOWN_MAX: usize = 10;

const FIRST_STATEMENT: &str = "transaction_routing = \"first_statement\"";

/// Crowds come one after the other: each is to have the machine for itself.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn no_session_goes_back_whatever_becomes_of_the_servers() {
    come("consistency = \"session\"", Rule::Session);
}

#[test]
fn nobody_of_a_tenant_reads_less_than_its_node_has_acknowledged() {
    come("consistency = \"tenant\"", Rule::Tenant);
}

#[test]
fn no_session_goes_back_where_blocks_are_decided_by_their_first_statement() {
    come(
        &format!("consistency = \"session\"\n{FIRST_STATEMENT}"),
        Rule::Session,
    );
}

#[test]
fn nobody_reads_less_than_was_acknowledged_where_blocks_are_decided_by_their_first_statement() {
    come(
        &format!("consistency = \"tenant\"\n{FIRST_STATEMENT}"),
        Rule::Tenant,
    );
}

#[test]
fn reads_of_any_age_at_a_paused_replica_are_found_to_be_wrong() {
    // What is proven by finding nothing is worth something only if there is something to be found.
    let plan = Plan {
        pool: "consistency = \"eventual\"",
        ..Plan::SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    fill(&stage, 4);
    stage.catch_up();
    stage.until_read_at(0, 1);
    stage.clusters[1].pause_replay().unwrap();
    let course = Course::begin();
    let (mut history, _) = gather(4, 1, &course, &stage.nodes, || {
        let enough = Duration::from_secs(6);
        drop(polling::until_true("the end", enough, || course.is_over()));
    });
    history.last = last(&stage.clusters[0], &stage);
    let violations = history.violations(Rule::Session);
    let backwards = |one: &Violation| matches!(one, Violation::Backwards { .. });
    assert!(
        violations.iter().any(backwards),
        "nothing was found in {} events: {violations:?}",
        history.events.len()
    );
    let others = violations.iter().filter(|one| !backwards(one));
    assert_eq!(others.count(), 0, "{violations:?}");
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = env::var(variable);
    given.map_or(otherwise, |text| text.parse().expect(variable))
}

fn come(pool: &str, rule: Rule) {
    // Who was before us may have failed.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = number("TIDEGATE_READS_SECONDS", SECONDS);
    let clients = u32::try_from(number("TIDEGATE_READS_CLIENTS", CLIENTS)).unwrap();
    let seed = number("TIDEGATE_READS_SEED", SEED);
    let plan = Plan {
        pool: &format!("{pool}\npool_size = 10"),
        tenant: "failover_wait = \"40s\"",
        ..Plan::LARGE
    };
    let Some(mut stage) = plan.stage() else {
        return;
    };
    fill(&stage, clients);
    stage.catch_up();
    let course = Course::begin();
    let Stage {
        nodes, clusters, ..
    } = &mut stage;
    let length = Duration::from_secs(seconds);
    let mut nemesis = Nemesis::new(seed, &course, nodes, clusters);
    let (mut history, shares) = gather(clients, seed, &course, nodes, || {
        let _watch = course.watch();
        nemesis.reign(length);
    });
    let primary = nemesis.primary().port();
    let blows = nemesis.blows;
    let primary = clusters
        .iter()
        .position(|one| one.port() == primary)
        .unwrap();
    history.last = last(&stage.clusters[primary], &stage);
    let report = report(&stage, &history, &shares, course.excused());
    // Seen only where the test's output is shown.
    drop(writeln!(
        std::io::stdout(),
        "{}, seed {seed}, {seconds} s: {} blows, {report}",
        pool.replace('\n', ", "),
        blows.len()
    ));
    must_be_right(&history, rule, &blows);
}

fn must_be_right(history: &History, rule: Rule, blows: &[String]) {
    let violations = history.violations(rule);
    let shown: Vec<String> = violations
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    assert!(
        violations.is_empty(),
        "{} violations:\n{}\nafter\n{}",
        violations.len(),
        shown.join("\n"),
        blows.join("\n")
    );
}

/// All counters, at zero.
fn fill(stage: &Stage, clients: u32) {
    let keys = (0..clients).flat_map(own).chain(SHARED);
    let rows: Vec<String> = keys.map(|key| format!("({key}, 0)")).collect();
    stage.admin(&format!("insert into counters values {}", rows.join(", ")));
}

/// What the counters are in this cluster.
fn last(cluster: &Cluster, stage: &Stage) -> BTreeMap<u32, u64> {
    let rows = cluster
        .psql_in(&stage.database.name, "select key, value from counters")
        .unwrap();
    let row = |row: &str| {
        let (key, value) = row.split_once('|').unwrap();
        (key.parse().unwrap(), value.parse().unwrap())
    };
    rows.lines().map(row).collect()
}

/// Clients live until `course` is over, which it is after `meanwhile`; what they have seen.
fn gather(
    clients: u32,
    seed: u64,
    course: &Course,
    nodes: &[Node],
    meanwhile: impl FnOnce(),
) -> (History, Shares) {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|number| {
                scope.spawn(move || {
                    let _watch = course.watch();
                    let mut client = Client::new(number, seed, course, nodes);
                    client.live();
                    (client.events, client.shares)
                })
            })
            .collect();
        meanwhile();
        course.end();
        let (mut history, mut shares) = (History::default(), Shares::new());
        for client in clients {
            match client.join() {
                Ok((events, read)) => {
                    history.events.extend(events);
                    for (place, count) in read {
                        *shares.entry(place).or_default() += count;
                    }
                },
                Err(panic) => panic::resume_unwind(panic),
            }
        }
        (history, shares)
    })
}

/// How much was done, where it was read, and how long that took.
fn report(stage: &Stage, history: &History, shares: &Shares, excused: u64) -> String {
    let mut text = String::new();
    let writes = history.events.iter();
    let writes = writes.filter(|event| matches!(event.what, What::Wrote(_)));
    let moves = |node: &Node| {
        let lines = node.server.pooler.log_lines();
        lines
            .iter()
            .filter(|line| line.contains("rule=\"moves\""))
            .count()
    };
    let moves: usize = stage.nodes.iter().map(moves).sum();
    // Writing to a string cannot fail.
    write!(text, "{moves} blocks moved; ").ok();
    write!(
        text,
        "{} writes, {excused} errors of a moving primary",
        writes.count()
    )
    .ok();
    for node in 0..stage.nodes.len() {
        let mut took: Vec<Duration> = history
            .events
            .iter()
            .filter(|event| event.node == node && matches!(event.what, What::Read(_)))
            .map(|event| event.ended.saturating_sub(event.began))
            .collect();
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        write!(
            text,
            "; node {node}: {} reads, median {median:?}",
            took.len()
        )
        .ok();
        for (number, _) in stage.clusters.iter().enumerate() {
            let share = shares.get(&(node, stage.port(number))).copied();
            let percent = share.unwrap_or_default() * 100 / (took.len().max(1) as u64);
            write!(text, ", {percent} % at {number}").ok();
        }
    }
    text
}
