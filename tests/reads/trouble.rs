//! What becomes of reads when a replica refuses them, or is lost under them: nobody notices.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use tidegate_harness::StopSignal;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::backend::tag;

use crate::places::execute;
use crate::places::rows_of;
use crate::stage::Plan;
use crate::stage::Stage;
use crate::stage::WHO;

/// What a hot standby says to a write.
const REFUSAL: &str = "in a read-only transaction";

/// A read, by all that its text says.
const SLY: &str = "select note, port from sly, answers";

/// A view that writes when it is read.
const WITH_A_SLY_VIEW: Plan<'_> = Plan {
    sql: "create table notes (id serial);\
          create function take_note() returns int language sql volatile as \
          'insert into notes default values returning id';\
          create view sly as select take_note() as note",
    ..Plan::SMALL
};

/// How often the standby has refused a write.
fn refusals(stage: &Stage) -> usize {
    stage.clusters[1].log().matches(REFUSAL).count()
}

#[test]
fn a_read_that_writes_unseen_is_answered_by_the_primary_and_remembered() {
    let Some(stage) = WITH_A_SLY_VIEW.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let node = &stage.nodes[0];
    let mut client = node.connect();
    let row = |note: u32| format!("{note}|{}", stage.port(0));
    let mut note = 0;
    stage.until(&mut client, "the replica to be asked", |client| {
        *client = node.connect();
        note += 1;
        assert_eq!(client.query(SLY).unwrap(), row(note));
        refusals(&stage) == 1
    });
    // Whoever says the same again is not sent there any more.
    assert_eq!(client.query(SLY).unwrap(), row(note + 1));
    stage.until_at(&mut client, 1);
    assert_eq!(client.query(SLY).unwrap(), row(note + 2));
    assert_eq!(node.connect().query(SLY).unwrap(), row(note + 3));
    assert_eq!(refusals(&stage), 1);
    stage.until_at(&mut client, 1);
}

#[test]
fn a_read_that_writes_unseen_is_answered_however_it_is_said() {
    let Some(stage) = WITH_A_SLY_VIEW.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut notes = 0;
    let mut client = stage.nodes[0].connect();
    stage.until(&mut client, "the replica to be asked", |client| {
        *client = stage.nodes[0].connect();
        let before = refusals(&stage);
        say_in_all_ways(&stage, client, notes);
        notes += 5;
        assert_eq!(stage.admin("select count(*) from notes"), notes.to_string());
        refusals(&stage) >= before + 2
    });
}

/// Five notes are taken, behind so many others.
fn say_in_all_ways(stage: &Stage, client: &mut Wire, notes: u32) {
    let row = |note: u32| format!("{}|{}", notes + note, stage.port(0));
    // Each has another shape, so that none is known already.
    let sly = |number: u32| {
        let name = format!("note_{notes}_{number}");
        format!("{SLY} order by {name}").replace("note,", &format!("note as {name},"))
    };
    let parse = wire::parse("", &sly(1)).unwrap();
    let bind = wire::bind("", "", &[]).unwrap();
    let run = wire::execute("").unwrap();
    let told = rows_of(client, &[parse, bind, run.clone()]);
    assert_eq!(told.unwrap(), row(1));
    rows_of(client, &[wire::parse("sly", &sly(2)).unwrap()]).unwrap();
    assert_eq!(execute(client, "sly").unwrap(), row(2));
    assert_eq!(execute(client, "sly").unwrap(), row(3));

    // The others of a pipeline are answered where they stand, and once.
    rows_of(client, &[wire::parse("who", WHO).unwrap()]).unwrap();
    let round = |name: &str| {
        let bind = wire::bind("", name, &[]).unwrap();
        [bind, run.clone(), wire::sync()].concat()
    };
    let unnamed = wire::parse("", &sly(3)).unwrap();
    let rounds = [
        round("who"),
        [unnamed, round("")].concat(),
        round("who"),
        wire::query(sly(4)).unwrap(),
        wire::query("select 1").unwrap(),
    ];
    client.send(&rounds.concat()).unwrap();
    let told: Vec<String> = rounds.iter().map(|_| client.rows().unwrap()).collect();
    assert_eq!([&told[1], &told[3], &told[4]], [&row(4), &row(5), "1"]);
    for port in [&told[0], &told[2]] {
        assert!([stage.port(0), stage.port(1)].contains(port), "{told:?}");
    }
}

#[test]
fn an_error_of_the_statement_itself_is_told_as_it_is() {
    let Some(stage) = Plan::SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    for (sql, sqlstate) in [
        ("select 1 / 0", "22012"),
        ("select port from nowhere", "42P01"),
        ("selec 1", "42601"),
    ] {
        let refused = client.query(sql).unwrap_err();
        assert_eq!(refused.sqlstate(), sqlstate, "{refused}");
    }
    client.query("begin read only").unwrap();
    // This is what a read-only transaction says anywhere.
    let refused = client.query("delete from counters").unwrap_err();
    assert_eq!(refused.sqlstate(), "25006", "{refused}");
    let refused = client.query("select 1").unwrap_err();
    assert_eq!(refused.sqlstate(), "25P02", "{refused}");
    client.query("rollback").unwrap();
    stage.until_at(&mut client, 1);
}

#[test]
fn a_read_that_replay_is_in_conflict_with_is_answered_by_the_primary() {
    let plan = Plan {
        settings: "max_standby_streaming_delay = 0\nautovacuum = off\n",
        sql: "insert into counters select n, 0 from generate_series(1, 100) n",
        ..Plan::SMALL
    };
    let Some(stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.paused_at_the_replica("count(*)", "counters, ");
    stage.admin("delete from counters");
    stage.admin("vacuum counters");
    assert_eq!(client.rows().unwrap(), "0");
    let conflict = "conflict with recovery";
    assert!(stage.clusters[1].log().contains(conflict), "there was none");
}

#[test]
fn a_read_whose_replica_dies_is_answered_by_the_primary() {
    for signal in [StopSignal::Kill, StopSignal::Quit, StopSignal::Interrupt] {
        let Some(mut stage) = Plan::SMALL.stage() else {
            return;
        };
        stage.until_read_at(0, 1);
        let mut client = stage.paused_at_the_replica("port", "answers, ");
        stage.clusters[1].halt(signal).unwrap();
        assert_eq!(client.rows().unwrap(), stage.port(0), "{signal:?}");
    }
}

#[test]
fn an_answer_that_has_begun_and_is_lost_is_an_error_and_never_half_an_answer() {
    let Some(mut stage) = Plan::SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    let sql = "select port, repeat('x', 1000) from answers, generate_series(1, 1000000)";
    stage.until(&mut client, "an answer of the replica", |client| {
        *client = stage.nodes[0].connect();
        client.send(&wire::query(sql).unwrap()).unwrap();
        let port = stage.port(1);
        let heard = client.until(tag::DATA_ROW).unwrap();
        let mut words = heard.last().unwrap().body().windows(port.len());
        words.any(|word| word == port.as_bytes())
    });
    stage.clusters[1].halt(StopSignal::Kill).unwrap();
    let lost = client.rows().map(|rows| rows.len()).unwrap_err();
    // In the middle of a row nothing can be said any more.
    let is_told = matches!(lost, WireError::Closed) || lost.sqlstate() == "08006";
    assert!(is_told, "{lost}");
}

/// Reads of many clients while something is done to the replica; how many there were at each cluster.
fn reads_while(stage: &mut Stage, act: impl FnOnce(&mut Stage)) -> [u64; 2] {
    const CLIENTS: usize = 6;
    let ports = [stage.port(0), stage.port(1)];
    let login = stage.nodes[0].login();
    let is_over = AtomicBool::new(false);
    let read = || {
        let mut client = Wire::connect(&login).unwrap();
        rows_of(&mut client, &[wire::parse("who", WHO).unwrap()]).unwrap();
        let mut counts = [0; 2];
        while !is_over.load(Ordering::Relaxed) {
            for port in [client.query(WHO), execute(&mut client, "who")] {
                let port = port.unwrap();
                let at = ports.iter().position(|known| *known == port);
                counts[at.unwrap()] += 1;
            }
        }
        counts
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(read)).collect();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(stage)));
        is_over.store(true, Ordering::Relaxed);
        let counts = readers.into_iter().map(|reader| reader.join().unwrap());
        let counts = counts.fold([0; 2], |sum, one: [u64; 2]| {
            [sum[0] + one[0], sum[1] + one[1]]
        });
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        counts
    })
}

#[test]
fn readers_do_not_notice_that_a_replica_dies_and_comes_back() {
    let Some(mut stage) = Plan::SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    for signal in [StopSignal::Kill, StopSignal::Quit, StopSignal::Interrupt] {
        let counts = reads_while(&mut stage, |stage| {
            stage.clusters[1].halt(signal).unwrap();
            let mut client = stage.nodes[0].connect();
            assert_eq!(client.query(WHO).unwrap(), stage.port(0));
            stage.clusters[1].start_again().unwrap();
            stage.until_read_at(0, 1);
        });
        assert!(
            counts.iter().all(|count| *count > 0),
            "{counts:?} of {signal:?}"
        );
    }
}

#[test]
fn readers_do_not_notice_that_the_way_to_a_replica_is_cut() {
    let Some(mut stage) = Plan::SMALL.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let counts = reads_while(&mut stage, |stage| {
        for _ in 0..3 {
            stage.nodes[0].relays[1].cut().unwrap();
            let mut client = stage.nodes[0].connect();
            assert_eq!(client.query(WHO).unwrap(), stage.port(0));
            stage.nodes[0].relays[1].restore().unwrap();
            stage.until_read_at(0, 1);
        }
    });
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn reads_go_on_at_replicas_while_there_is_no_primary() {
    let plan = Plan {
        tenant: "failover_wait = \"1s\"",
        ..Plan::SMALL
    };
    let Some(mut stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 1);
    let mut client = stage.nodes[0].connect();
    stage.until_at(&mut client, 1);
    stage.clusters[0].halt(StopSignal::Interrupt).unwrap();
    stage.nodes[0]
        .server
        .pooler
        .wait_for_log("an endpoint does not answer")
        .unwrap();
    // Only if nobody has looked at the replica for seconds, a read waits for a primary in vain.
    stage.until(&mut client, "reads at the replica", |client| {
        let is_there = |read: Result<String, WireError>| read.is_ok_and(|at| at == stage.port(1));
        (0..5).all(|_| is_there(client.query(WHO)))
    });
    let refused = client.query("delete from counters").unwrap_err();
    assert_eq!(refused.sqlstate(), "57P03", "{refused}");
}

#[test]
fn after_a_promotion_reads_follow_the_new_primary_and_the_old_one_is_a_replica() {
    let plan = Plan {
        nodes: &[&[40, 80, 0]],
        ..Plan::SMALL
    };
    let Some(mut stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 2);
    let mut client = stage.nodes[0].connect();
    client.query("insert into counters values (0, 1)").unwrap();
    let [old, new, sibling] = stage.clusters.as_mut_slice() else {
        panic!("there are three");
    };
    old.halt(StopSignal::Interrupt).unwrap();
    new.promote().unwrap();
    sibling.follow(new).unwrap();
    client.query("update counters set value = 2").unwrap();
    new.psql("checkpoint").unwrap();
    sibling.settle(new).unwrap();
    assert_eq!(client.query("select value from counters").unwrap(), "2");
    old.rejoin(new).unwrap();
    // The nearest replica, on the timeline of the new primary, and then the old primary.
    for cluster in [2, 0] {
        stage.until_read_at(0, cluster);
        assert_eq!(client.query("select value from counters").unwrap(), "2");
        stage.nodes[0].relays[cluster].cut().unwrap();
    }
    assert_eq!(client.query(WHO).unwrap(), stage.port(1));
}

#[test]
fn a_replica_on_the_timeline_of_an_old_primary_is_not_read() {
    let plan = Plan {
        nodes: &[&[40, 30, 0]],
        ..Plan::SMALL
    };
    let Some(mut stage) = plan.stage() else {
        return;
    };
    stage.until_read_at(0, 2);
    stage.admin("insert into counters values (0, 0)");
    stage.catch_up();
    let [old, new, left] = stage.clusters.as_mut_slice() else {
        panic!("there are three");
    };
    // It follows nobody: its timeline is the old one, and stays so.
    old.halt(StopSignal::Interrupt).unwrap();
    new.promote().unwrap();
    let mut client = stage.nodes[0].connect();
    client.query("update counters set value = 1").unwrap();
    for _ in 0..10 {
        let mut another = stage.nodes[0].connect();
        let row = another.query("select value, port from counters, answers");
        assert_eq!(row.unwrap(), format!("1|{}", new.port()));
    }
    left.follow(new).unwrap();
    left.settle(new).unwrap();
    stage.until_read_at(0, 2);
    assert_eq!(client.query("select value from counters").unwrap(), "1");
}
