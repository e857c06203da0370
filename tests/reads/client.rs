//! One client of the crowd: it raises counters and reads them, in every way in which it can be
//! said, and notes what it sees.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_harness::wire;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_model::Random;
use tidegate_proto::backend::tag;

use crate::course::Course;
use crate::history::Event;
use crate::history::What;
use crate::stage::Node;

/// Counters that everybody raises.
pub(crate) const SHARED: [u32; 6] = [
    1_000_000, 1_000_001, 1_000_002, 1_000_003, 1_000_004, 1_000_005,
];

const READ: &str = "select key, value, port from counters, answers where key = $1";
const WRITE: &str = "update counters set value = value + 1 where key = $1 returning value";

/// How many workers each node has.
pub(crate) const WORKERS: usize = 2;

/// The counters of a client's own.
pub(crate) fn own(number: u32) -> [u32; 2] {
    [2 * number, 2 * number + 1]
}

/// What a client may do, and how often in proportion.
type Act = fn(&mut Client<'_>) -> Result<(), WireError>;
const ACTS: [(u32, Act); 18] = [
    (16, read_in_a_query),
    (14, read_by_name),
    (8, read_unnamed),
    (8, read_several),
    (4, copy_out),
    (4, read_in_a_block),
    (3, read_twice_in_a_query),
    (10, write_in_a_query),
    (8, write_by_name),
    (4, write_in_a_block),
    (4, read_in_a_block_that_may_write),
    (3, begin_and_write_in_a_pipeline),
    (3, read_and_write_in_a_block),
    (3, write_behind_the_end_of_a_block),
    (4, write_and_read_in_a_pipeline),
    (3, write_and_read_in_a_query),
    (1, come_as_somebody_new),
    (2, travel),
];

/// Who reads where: which node, and the port of the server that answered.
pub(crate) type Shares = BTreeMap<(usize, String), u64>;

pub(crate) struct Client<'a> {
    random: Random,
    course: &'a Course,
    nodes: &'a [Node],
    keys: Vec<u32>,
    wire: Wire,
    node: usize,
    session: u32,
    /// In a block that only reads, which is lost with its server, wherever that is.
    is_in_block: bool,
    /// How often a write behind a read in a block was refused.
    refusals: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) shares: Shares,
}

impl<'a> Client<'a> {
    pub(crate) fn new(number: u32, seed: u64, course: &'a Course, nodes: &'a [Node]) -> Self {
        let node = number as usize % nodes.len();
        Self {
            random: Random::new(seed ^ u64::from(number) << 32),
            course,
            nodes,
            keys: [&own(number)[..], &SHARED].concat(),
            wire: prepared(&nodes[node]).unwrap(),
            node,
            session: course.session(),
            is_in_block: false,
            refusals: 0,
            events: Vec::new(),
            shares: Shares::new(),
        }
    }

    /// Does whatever comes to its mind, until it is over.
    pub(crate) fn live(&mut self) {
        let weights = ACTS.map(|(weight, _)| weight);
        while !self.course.is_over() {
            let before = self.course.upheavals();
            let number = self.random.weighted(&weights);
            let (_, act) = ACTS[number];
            if let Err(error) = act(self) {
                if matches!(error, WireError::Late) {
                    self.nodes[self.node].lament(&format!("{error} to act {number}"));
                }
                // Seen only where the test's output is shown.
                println!("act {number}: {error}");
                let is_in_block = std::mem::take(&mut self.is_in_block);
                self.course.excuse(before, &error, is_in_block);
                self.come_again();
            }
        }
    }

    /// As somebody who has seen nothing yet.
    fn come_again(&mut self) {
        self.wire = loop {
            let before = self.course.upheavals();
            match prepared(&self.nodes[self.node]) {
                Ok(wire) => break wire,
                Err(error) => self.course.excuse(before, &error, false),
            }
        };
        self.session = self.course.session();
    }

    /// One of its own more often than one of everybody's.
    fn key(&mut self) -> u32 {
        if self.random.percent(60) {
            self.keys[self.random.below(2)]
        } else {
            *self.random.pick(&self.keys)
        }
    }

    fn note(&mut self, key: u32, began: Duration, what: What) {
        self.events.push(Event {
            session: self.session,
            node: self.node,
            key,
            began,
            ended: self.course.now(),
            what,
        });
    }

    /// Rows of key, value and port.
    fn note_read(&mut self, began: Duration, rows: &str, count: usize) {
        assert_eq!(rows.lines().count(), count, "of rows:\n{rows}");
        for row in rows.lines() {
            let values: Vec<&str> = row.split(['|', '\t']).collect();
            let [key, value, port] = values[..] else {
                panic!("{row}");
            };
            let share = self.shares.entry((self.node, port.to_owned()));
            *share.or_default() += 1;
            let value = What::Read(value.parse().unwrap());
            self.note(key.parse().unwrap(), began, value);
        }
    }

    /// Raises a counter; `act` does it and returns the new value.
    fn raise(
        &mut self,
        key: u32,
        act: impl FnOnce(&mut Wire) -> Result<String, WireError>,
    ) -> Result<(), WireError> {
        let began = self.course.now();
        let raised = act(&mut self.wire);
        let what = match &raised {
            Ok(value) => What::Wrote(value.parse().unwrap()),
            Err(_) => What::Unknown,
        };
        self.note(key, began, what);
        raised.map(drop)
    }

    fn read(
        &mut self,
        count: usize,
        act: impl FnOnce(&mut Wire) -> Result<String, WireError>,
    ) -> Result<(), WireError> {
        let began = self.course.now();
        let rows = act(&mut self.wire)?;
        self.note_read(began, &rows, count);
        Ok(())
    }
}

/// A connection with its statements.
fn prepared(node: &Node) -> Result<Wire, WireError> {
    let mut wire = Wire::connect(&node.login())?;
    let statements = [wire::parse("read", READ)?, wire::parse("write", WRITE)?];
    wire.send(&[statements.concat(), wire::sync()].concat())?;
    wire.rows()?;
    Ok(wire)
}

/// A round of a prepared statement.
pub(crate) fn round(name: &str, key: u32) -> Result<Vec<u8>, WireError> {
    let bind = wire::bind("", name, &[&key.to_string()])?;
    Ok([bind, wire::execute("")?, wire::sync()].concat())
}

fn reading(key: u32) -> String {
    READ.replace("$1", &key.to_string())
}

fn writing(key: u32) -> String {
    WRITE.replace("$1", &key.to_string())
}

fn read_in_a_query(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.read(1, |wire| wire.query(&reading(key)))
}

fn read_by_name(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.read(1, |wire| {
        wire.send(&round("read", key)?)?;
        wire.rows()
    })
}

fn read_unnamed(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.read(1, |wire| {
        let parse = wire::parse("", &reading(key))?;
        let run = [wire::bind("", "", &[])?, wire::execute("")?, wire::sync()];
        wire.send(&[parse, run.concat()].concat())?;
        wire.rows()
    })
}

/// All that it knows, in one snapshot.
fn read_several(client: &mut Client<'_>) -> Result<(), WireError> {
    let keys: Vec<String> = client.keys.iter().map(ToString::to_string).collect();
    let sql = READ.replace("= $1", &format!("in ({})", keys.join(", ")));
    client.read(keys.len(), |wire| wire.query(&sql))
}

/// Two statements of one string.
fn read_twice_in_a_query(client: &mut Client<'_>) -> Result<(), WireError> {
    let (one, two) = (client.key(), client.key());
    let sql = format!("{}; {}", reading(one), reading(two));
    client.read(2, |wire| wire.query(&sql))
}

fn copy_out(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.read(1, |wire| {
        wire.send(&wire::query(format!("copy ({}) to stdout", reading(key)))?)?;
        copied(wire)
    })
}

/// What is copied out, up to `ReadyForQuery`.
pub(crate) fn copied(wire: &mut Wire) -> Result<String, WireError> {
    let mut text = String::new();
    let mut refused = None;
    loop {
        let message = wire.message()?;
        match message.tag() {
            tag::COPY_DATA => text += &String::from_utf8_lossy(message.body()),
            tag::ERROR_RESPONSE => refused = Some(message.report()?),
            tag::READY_FOR_QUERY => return refused.map_or(Ok(text), |report| Err(report.into())),
            _ => {},
        }
    }
}

/// What it may not be older than is what was there when the block began: it stays with one server,
/// and may have one snapshot.
fn read_in_a_block(client: &mut Client<'_>) -> Result<(), WireError> {
    let begin = *client.random.pick(&[
        "begin read only",
        "start transaction isolation level repeatable read, read only",
    ]);
    let began = client.course.now();
    client.is_in_block = true;
    client.wire.query(begin)?;
    for _ in 0..3 {
        let key = client.key();
        let rows = client.wire.query(&reading(key))?;
        client.note_read(began, &rows, 1);
    }
    client.wire.query("commit")?;
    client.is_in_block = false;
    Ok(())
}

fn write_in_a_query(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.raise(key, |wire| wire.query(&writing(key)))
}

fn write_by_name(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.raise(key, |wire| {
        wire.send(&round("write", key)?)?;
        wire.rows()
    })
}

fn write_in_a_block(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.raise(key, |wire| {
        wire.query("begin")?;
        let value = wire.query(&writing(key))?;
        let seen = wire.query(&format!("select value from counters where key = {key}"))?;
        assert_eq!(seen, value, "within the transaction that wrote it");
        wire.query("commit")?;
        Ok(value)
    })
}

/// What its first read shows is what was there when that began, and the others show no less.
fn read_in_a_block_that_may_write(client: &mut Client<'_>) -> Result<(), WireError> {
    let begin = *client.random.pick(&[
        "begin",
        "start transaction isolation level repeatable read",
        "begin isolation level read committed",
    ]);
    client.wire.query(begin)?;
    let began = client.course.now();
    for _ in 0..3 {
        let key = client.key();
        client.is_in_block = true;
        let rows = client.wire.query(&reading(key))?;
        client.note_read(began, &rows, 1);
    }
    client.wire.query("commit")?;
    client.is_in_block = false;
    Ok(())
}

/// As drivers do that begin a transaction with its first statement.
fn begin_and_write_in_a_pipeline(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.raise(key, |wire| {
        let begin = [
            wire::parse("", "BEGIN")?,
            wire::bind("", "", &[])?,
            wire::execute("")?,
        ];
        wire.send(&[begin.concat(), round("write", key)?].concat())?;
        let value = wire.rows()?;
        wire.query("commit")?;
        Ok(value)
    })
}

/// Where nobody knows yet that it writes later, the block may be at a replica, which refuses that:
/// once on each worker of each node.
fn read_and_write_in_a_block(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    let began = client.course.now();
    client.wire.query("begin")?;
    client.is_in_block = true;
    let sql = format!("select value from counters where key = {key}");
    let seen: u64 = client.wire.query(&sql)?.parse().unwrap();
    client.note(key, began, What::Read(seen));
    let wrote = client.wire.query(&writing(key));
    if wrote
        .as_ref()
        .is_err_and(|error| error.sqlstate() == "25006")
    {
        client.refusals += 1;
        assert!(
            client.refusals <= WORKERS * client.nodes.len(),
            "it was known"
        );
        client.wire.query("rollback")?;
    } else {
        let value = wrote?;
        client.raise(key, |wire| wire.query("commit").map(|_| value))?;
    }
    client.is_in_block = false;
    Ok(())
}

/// A text that ends a block which only reads, and writes.
fn write_behind_the_end_of_a_block(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    let began = client.course.now();
    client.is_in_block = true;
    client.wire.query("begin read only")?;
    let rows = client.wire.query(&reading(key))?;
    client.note_read(began, &rows, 1);
    client.is_in_block = false;
    client.raise(key, |wire| wire.query(&format!("commit; {}", writing(key))))
}

fn write_and_read_in_a_pipeline(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    let began = client.course.now();
    client.raise(key, |wire| {
        wire.send(&[round("write", key)?, round("read", key)?].concat())?;
        wire.rows()
    })?;
    let rows = client.wire.rows()?;
    client.note_read(began, &rows, 1);
    Ok(())
}

/// One transaction of two statements; the value that was written is the one that is read.
fn write_and_read_in_a_query(client: &mut Client<'_>) -> Result<(), WireError> {
    let key = client.key();
    client.raise(key, |wire| {
        let sql = format!(
            "{}; select value from counters where key = {key}",
            writing(key)
        );
        let rows = wire.query(&sql)?;
        let (wrote, read) = rows.split_once('\n').unwrap();
        assert_eq!(wrote, read, "within the transaction that wrote it");
        Ok(wrote.to_owned())
    })
}

fn come_as_somebody_new(client: &mut Client<'_>) -> Result<(), WireError> {
    client.wire.send(&wire::terminate())?;
    client.come_again();
    Ok(())
}

/// Takes along to another node what it has seen.
fn travel(client: &mut Client<'_>) -> Result<(), WireError> {
    let seen = client.wire.query("show tidegate.lsn")?;
    let node = (client.node + 1) % client.nodes.len();
    let mut wire = prepared(&client.nodes[node])?;
    wire.query(&format!("set tidegate.min_lsn = '{seen}'"))?;
    (client.wire, client.node) = (wire, node);
    Ok(())
}
