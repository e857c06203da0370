//! Who writes, and who only reads.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_harness::polling;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;

use crate::course::Course;
use crate::course::Watch;
use crate::world::Door;
use crate::world::LIMIT;

/// How long somebody waits who comes for one read.
const PATIENCE: Duration = Duration::from_millis(500);

/// Something that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    /// The port of the server, if the client has asked for it.
    pub(crate) port: String,
}

impl Answer {
    pub(crate) fn took(&self) -> Duration {
        self.ended.saturating_sub(self.began)
    }
}

/// What became of what one client has done.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// The numbers whose commit was acknowledged.
    pub(crate) acknowledged: Vec<u32>,
    /// The last number that was tried.
    pub(crate) tried: u32,
    pub(crate) writes: Vec<Answer>,
}

/// Writes its numbers one after the other, and looks each time whether it sees the one it wrote.
pub(crate) fn write(course: &Course, door: &Door, client: u32, steps: &AtomicU32) -> Diary {
    let _watch = Watch(course);
    let (mut wire, mut diary) = (door.enter().unwrap(), Diary::default());
    while !course.is_over() {
        diary.tried += 1;
        let (number, phase, began) = (diary.tried, course.phase(), course.now());
        let sql = format!("insert into written values ({client}, {number}) returning number");
        match wire.query(&sql) {
            Ok(answer) => assert_eq!(answer, number.to_string()),
            Err(error) => {
                // Whether it was committed, nobody can tell.
                course.lose(client, phase, &error);
                wire = door.enter().unwrap();
                continue;
            },
        }
        let ended = course.now();
        let port = String::new();
        diary.acknowledged.push(number);
        diary.writes.push(Answer { began, ended, port });
        if !see(course, &mut wire, client, number) {
            wire = door.enter().unwrap();
        }
        steps.fetch_add(1, Ordering::SeqCst);
    }
    diary
}

/// It sees what it wrote, wherever that is read. Whether the client has kept its connection.
fn see(course: &Course, wire: &mut Wire, client: u32, number: u32) -> bool {
    let phase = course.phase();
    let sql = format!(
        "select max(number), (select port from answers) from written where client = {client}"
    );
    match wire.query(&sql) {
        Ok(row) => {
            let (seen, port) = row.split_once('|').unwrap();
            assert_eq!(seen, number.to_string(), "what it wrote, at {port}");
            true
        },
        Err(error) => {
            course.lose(client, phase, &error);
            false
        },
    }
}

const COUNT: &str = "select count(*), (select port from answers) from written";

/// So many reads of clients that come one after the other, while there is no primary. Whoever is sent to
/// the primary before that is known to be away loses a server there, or waits for the next one, and is not
/// waited for.
pub(crate) fn come_and_read(course: &Course, door: &Door, count: usize) -> Vec<Answer> {
    let mut answers = Vec::new();
    let is_enough = || {
        let began = course.now();
        let mut wire = door.enter().unwrap();
        wire.socket().set_read_timeout(Some(PATIENCE)).unwrap();
        match wire.query(COUNT) {
            Ok(row) => {
                let (_, port) = row.split_once('|').unwrap();
                let (ended, port) = (course.now(), port.to_owned());
                answers.push(Answer { began, ended, port });
            },
            Err(WireError::Late) => {},
            Err(error) => assert_eq!(error.sqlstate(), "08006", "{error}"),
        }
        answers.len() >= count
    };
    polling::until_true("reads without a primary", LIMIT, is_enough).unwrap();
    answers
}

/// Reads all the time, and never writes.
pub(crate) fn read(course: &Course, door: &Door, client: u32, steps: &AtomicU32) {
    let _watch = Watch(course);
    let (mut wire, mut seen) = (door.enter().unwrap(), 0);
    while !course.is_over() {
        let phase = course.phase();
        match wire.query(COUNT) {
            Ok(row) => {
                let (count, port) = row.split_once('|').unwrap();
                let count: u32 = count.parse().unwrap();
                if count < seen {
                    course.went_back(phase, seen - count, port);
                }
                seen = count;
            },
            Err(error) => {
                course.lose(client, phase, &error);
                // As somebody who has seen nothing yet.
                (wire, seen) = (door.enter().unwrap(), 0);
            },
        }
        steps.fetch_add(1, Ordering::SeqCst);
    }
}
