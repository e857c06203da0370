//! Patroni moves the primary, by order and because it was lost: nothing that was acknowledged is
//! gone, and nobody is told of it but whoever was in the middle of a transaction.
#![cfg(test)]

mod clients;
mod course;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

use tidegate_harness::wire::Wire;

use self::clients::Answer;
use self::clients::Diary;
use self::course::Course;
use self::course::Loss;
use self::course::Phase;
use self::course::StepBack;
use self::world::Door;
use self::world::FAILOVER_WAIT;
use self::world::World;

const WRITERS: u32 = 4;
const READERS: u32 = 2;
/// The numbers of clients that only read, and of those with an open transaction.
const FIRST_READER: u32 = 100;
const FIRST_OPEN: u32 = 200;

/// How far everybody is to come between two events.
const STEPS: u32 = 20;

/// What clients may notice.
const EVENTS: [Phase; 2] = [Phase::Switchover, Phase::Loss];

/// When what happened.
struct Moments {
    lost: Duration,
    /// What was read after that.
    reads: Vec<Answer>,
    /// The ports of the primaries, one after the other.
    primaries: [String; 3],
}

#[test]
fn a_switchover_and_a_lost_primary_cost_open_transactions_and_nothing_else() {
    let Some(mut world) = World::start() else {
        return;
    };
    let (course, door) = (Course::begin(), world.door());
    let mut idle = door.enter().unwrap();
    idle.query("set work_mem = '5MB'").unwrap();
    let steps: Vec<AtomicU32> = (0..WRITERS + READERS).map(|_| AtomicU32::new(0)).collect();
    let (moments, writers) = thread::scope(|scope| {
        let (course, door) = (&course, &door);
        let (writing, reading) = steps.split_at(WRITERS as usize);
        let writers: Vec<_> = (0..WRITERS)
            .zip(writing)
            .map(|(client, steps)| scope.spawn(move || clients::write(course, door, client, steps)))
            .collect();
        let readers: Vec<_> = (FIRST_READER..)
            .zip(reading)
            .map(|(client, steps)| scope.spawn(move || clients::read(course, door, client, steps)))
            .collect();
        let moments = events(&mut world, course, door, &steps);
        for reader in readers {
            reader.join().unwrap();
        }
        let diaries = writers.into_iter().map(|writer| writer.join().unwrap());
        (moments, diaries.collect::<Vec<Diary>>())
    });
    assert_eq!(idle.query("show work_mem").unwrap(), "5MB");
    nothing_is_gone(&world, &writers);
    nobody_waited_too_long(&writers);
    reads_went_on(&moments, &writers);
    nobody_went_back(&moments, &course.steps_back());
    open_transactions_were_lost_and_nothing_else(&course.losses());
}

/// All that happens, while clients are busy.
fn events(world: &mut World, course: &Course, door: &Door, steps: &[AtomicU32]) -> Moments {
    let _end = course.ends();
    course.until_all_advance("clients at work", steps, STEPS);

    let first = world.patroni.leader().unwrap();
    let open = open(door, Phase::Switchover);
    course.enter(Phase::Switchover);
    world.patroni.switch_over().unwrap();
    lose(course, open, Phase::Switchover);
    course.until_all_advance("clients at work after a switchover", steps, STEPS);
    world.patroni.settle().unwrap();

    let open = self::open(door, Phase::Loss);
    let old = world.patroni.leader().unwrap();
    course.enter(Phase::Loss);
    world.patroni.kill(old).unwrap();
    let lost = course.now();
    lose(course, open, Phase::Loss);
    let reads = clients::come_and_read(course, door, STEPS as usize);
    let new = world.patroni.leader().unwrap();
    assert_ne!(new, old);
    course.until_all_advance("clients at work after a loss", steps, STEPS);

    course.enter(Phase::Return);
    world.patroni.start_again(old).unwrap();
    world.patroni.settle().unwrap();
    assert_eq!(world.patroni.leader().unwrap(), new, "nothing has moved");
    world.until_caught_up(old, new);
    course.until_all_advance("clients at work after a return", steps, STEPS);
    Moments {
        lost,
        reads,
        primaries: [first, old, new].map(|member| world.patroni.ports()[member].to_string()),
    }
}

/// A client with an open transaction.
fn open(door: &Door, phase: Phase) -> Wire {
    let mut open = door.enter().unwrap();
    open.query("begin").unwrap();
    let client = FIRST_OPEN + phase as u32;
    open.query(&format!("insert into written values ({client}, 1)"))
        .unwrap();
    open
}

/// It is told that its transaction is lost, and goes on with the next.
fn lose(course: &Course, mut open: Wire, phase: Phase) {
    let told = open.farewell().unwrap();
    course.lose(FIRST_OPEN + phase as u32, phase as u32, &told.into());
}

fn nothing_is_gone(world: &World, writers: &[Diary]) {
    let leader = world.patroni.leader().unwrap();
    let rows = world.rows_at(leader);
    for member in 0..world.patroni.ports().len() {
        world.until_caught_up(member, leader);
        assert!(world.rows_at(member) == rows, "member {member} differs");
    }
    let rows: BTreeSet<(u32, u32)> = rows.into_iter().collect();
    for (client, diary) in (0..).zip(writers) {
        for number in &diary.acknowledged {
            assert!(rows.contains(&(client, *number)), "{client}: {number}");
        }
    }
    // Nor is there anything that nobody wrote, or that was lost with its transaction.
    for (client, number) in rows {
        let diary = writers.get(client as usize);
        assert!(
            diary.is_some_and(|diary| number <= diary.tried),
            "{client}: {number}"
        );
    }
}

/// A statement that is under way is a transaction, too. What is told comes from Tidegate, or from a
/// server that still could.
fn open_transactions_were_lost_and_nothing_else(losses: &[Loss]) {
    let of = |client: u32| losses.iter().filter(move |loss| loss.client == client);
    for loss in losses {
        // Who waits for a synchronous standby hears in a warning that the server ends, and no more.
        let told = ["08006", "57P01", ""].contains(&loss.sqlstate.as_str());
        assert!(told, "{loss:?}");
        assert_ne!(loss.phase, Phase::Return as u32, "{loss:?}");
    }
    for client in (0..WRITERS).chain(FIRST_READER..FIRST_READER + READERS) {
        let losses: Vec<&Loss> = of(client).collect();
        assert!(losses.len() <= EVENTS.len(), "{losses:?}");
    }
    for event in EVENTS {
        let told: Vec<&Loss> = of(FIRST_OPEN + event as u32).collect();
        assert!(told.len() == 1 && !told[0].sqlstate.is_empty(), "{told:?}");
    }
}

fn nobody_waited_too_long(writers: &[Diary]) {
    for diary in writers {
        let waits = diary.writes.iter().map(Answer::took);
        let longest = waits.max().unwrap();
        println!("{} writes, one of {longest:?}", diary.writes.len());
        assert!(longest < FAILOVER_WAIT);
    }
}

fn reads_went_on(moments: &Moments, writers: &[Diary]) {
    let writes = writers.iter().flat_map(|diary| &diary.writes);
    let after = writes.filter(|write| write.began > moments.lost);
    let resumed = after.map(|write| write.ended).min().unwrap();
    println!("no primary from {:?} to {resumed:?}", moments.lost);
    for read in &moments.reads {
        assert_ne!(read.port, moments.primaries[1], "{read:?}");
    }
    // The others came too late: an election takes seconds, and so may they where much else goes on.
    let meanwhile = moments.reads.iter().filter(|read| read.ended < resumed);
    assert!(meanwhile.count() > 0, "{:?}", moments.reads);
}

/// A synchronous standby shows a commit as soon as it has it, which is before its primary does: that
/// waits to be told so. Whoever reads here and then there may see one commit of each writer no more.
/// What the client has written itself, the primary has shown.
fn nobody_went_back(moments: &Moments, steps: &[StepBack]) {
    for step in steps {
        let primaries = match step.phase as usize {
            moved @ 1..=2 => &moments.primaries[moved - 1..=moved],
            0 => &moments.primaries[..1],
            _ => &moments.primaries[2..],
        };
        assert!(primaries.contains(&step.port), "{step:?}");
        assert!(step.rows <= WRITERS, "{step:?}");
    }
}
