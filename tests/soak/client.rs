//! One client of the crowd: its connection, what it believes of its session, and its canaries.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tidegate_harness::wire;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_model::Random;
use tidegate_proto::frontend;

use crate::answer::Answer;

/// What the whole crowd has done.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answers: AtomicU64,
    pub(crate) logins: AtomicU64,
    pub(crate) cancels: AtomicU64,
    pub(crate) canceled: AtomicU64,
    pub(crate) departures: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(crate) struct Client<'a> {
    pub(crate) number: usize,
    pub(crate) random: Random,
    pub(crate) login: &'a Login,
    pub(crate) wire: Wire,
    pub(crate) tally: &'a Tally,
    /// Parameters that it has set, and to what.
    pub(crate) settings: BTreeMap<&'static str, String>,
    /// Its named statements, and the canary that each answers with.
    pub(crate) statements: BTreeMap<String, String>,
    said: u64,
}

impl<'a> Client<'a> {
    pub(crate) fn new(number: usize, seed: u64, login: &'a Login, tally: &'a Tally) -> Self {
        Self {
            number,
            random: Random::new(seed ^ (number as u64) << 32),
            login,
            wire: Self::connect(login, tally),
            tally,
            settings: BTreeMap::new(),
            statements: BTreeMap::new(),
            said: 0,
        }
    }

    fn connect(login: &Login, tally: &Tally) -> Wire {
        count(&tally.logins);
        Wire::connect(login).unwrap()
    }

    /// Leaves the connection as it is, and comes again as a new client.
    pub(crate) fn come_again(&mut self) {
        count(&self.tally.departures);
        // First of all: in session mode it would wait for a server while it has one.
        drop(self.wire.socket().shutdown(Shutdown::Both));
        self.wire = Self::connect(self.login, self.tally);
        self.forget();
    }

    /// Says goodbye, and hears that it was heard.
    pub(crate) fn leave_politely(&mut self) {
        self.send(&wire::terminate());
        drop(self.wire.until_closed());
    }

    /// What `DISCARD ALL` leaves.
    pub(crate) fn forget(&mut self) {
        self.settings.clear();
        self.statements.clear();
    }

    /// A text that nobody else has, and that this client has never used before.
    pub(crate) fn canary(&mut self) -> String {
        self.said += 1;
        format!("canary-{}-{}", self.number, self.said)
    }

    /// Sends bytes, now and then in two pieces.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let cut = if self.random.percent(10) {
            self.random.below(bytes.len())
        } else {
            0
        };
        let (front, rest) = bytes.split_at(cut);
        self.wire.send(front).unwrap();
        self.wire.send(rest).unwrap();
    }

    pub(crate) fn answer(&mut self) -> Answer {
        count(&self.tally.answers);
        Answer::read(&mut self.wire).unwrap()
    }

    pub(crate) fn ask(&mut self, sql: &str) -> Answer {
        self.send(&wire::query(sql).unwrap());
        self.answer()
    }

    /// Messages, and a `Sync` behind them.
    pub(crate) fn round(&mut self, messages: &[Vec<u8>]) -> Answer {
        self.send(&[messages.concat(), wire::sync()].concat());
        self.answer()
    }
}

pub(crate) fn parse(name: &str, sql: &str) -> Vec<u8> {
    wire::parse(name, sql).unwrap()
}

/// `Bind` of the unnamed portal, and `Execute`.
pub(crate) fn run(name: &str, values: &[&str]) -> Vec<u8> {
    let bind = wire::bind("", name, values).unwrap();
    [bind, wire::execute("").unwrap()].concat()
}

pub(crate) fn describe(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let target = frontend::Target::Statement(name.as_bytes());
    frontend::Describe { target }.encode(&mut bytes).unwrap();
    bytes
}

pub(crate) fn close(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let target = frontend::Target::Statement(name.as_bytes());
    frontend::Close { target }.encode(&mut bytes).unwrap();
    bytes
}

pub(crate) fn execute_some(row_limit: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let portal = b"";
    frontend::Execute { portal, row_limit }
        .encode(&mut bytes)
        .unwrap();
    bytes
}

pub(crate) fn flush() -> Vec<u8> {
    let mut bytes = Vec::new();
    frontend::Flush.encode(&mut bytes);
    bytes
}

pub(crate) fn copy_data(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let data = text.as_bytes();
    frontend::CopyData { data }.encode(&mut bytes).unwrap();
    bytes
}

pub(crate) fn copy_done() -> Vec<u8> {
    let mut bytes = Vec::new();
    frontend::CopyDone.encode(&mut bytes);
    bytes
}

pub(crate) fn copy_fail() -> Vec<u8> {
    let mut bytes = Vec::new();
    let reason = b"changed my mind";
    frontend::CopyFail { reason }.encode(&mut bytes).unwrap();
    bytes
}
