//! What everything in a world shares: chance, time, the record of what happened, and the list of
//! what should not have.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use tidegate_proto::startup::Replication;
use tokio::time::Instant;

use crate::random::Random;
use crate::server::Fate;
use crate::server::ServerSession;
use crate::weather::Weather;

/// How many of the last events are shown when a seed fails.
const EVENTS_SHOWN: usize = 60;

/// Where a client belongs, by the names that its servers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) tenant: String,
    pub(crate) database: String,
    pub(crate) user: String,
    /// A client that replicates has a server for itself, which knows that.
    pub(crate) replication: Replication,
}

/// What everything in a world shares.
#[derive(Debug)]
pub(crate) struct Nature {
    pub(crate) weather: Weather,
    pub(crate) random: RefCell<Random>,
    /// Servers that live, by process id.
    pub(crate) servers: RefCell<BTreeMap<u32, Rc<ServerSession>>>,
    /// What is to become of the next servers; after these, the weather decides.
    pub(crate) fates: RefCell<VecDeque<Fate>>,
    /// Where each client belongs, by number.
    pub(crate) places: RefCell<BTreeMap<u32, Place>>,
    /// Clients that an operator has ended, by number.
    pub(crate) killed: RefCell<BTreeSet<u32>>,
    /// Servers that died, and connections to servers that broke.
    pub(crate) deaths: Cell<u32>,
    /// Statements that were canceled.
    pub(crate) cancels: Cell<u32>,
    /// Servers that were asked whether they live.
    pub(crate) asked: Cell<u32>,
    /// Clients that lost their server; at most one per death.
    pub(crate) bereaved: Cell<u32>,
    /// Connections that could not be opened, and refused logins.
    pub(crate) failed_logins: Cell<u32>,
    /// Nobody stays.
    pub(crate) is_draining: Cell<bool>,
    /// Tenants that have been removed.
    pub(crate) gone: RefCell<BTreeSet<String>>,
    began: Instant,
    next: Cell<u32>,
    findings: RefCell<Vec<String>>,
    events: RefCell<VecDeque<String>>,
    hash: Cell<u64>,
    is_told: bool,
}

impl Nature {
    pub(crate) fn new(weather: Weather, random: Random) -> Rc<Self> {
        Rc::new(Self {
            weather,
            random: RefCell::new(random),
            servers: RefCell::default(),
            fates: RefCell::default(),
            places: RefCell::default(),
            killed: RefCell::default(),
            deaths: Cell::default(),
            cancels: Cell::default(),
            asked: Cell::default(),
            bereaved: Cell::default(),
            failed_logins: Cell::default(),
            is_draining: Cell::default(),
            gone: RefCell::default(),
            began: Instant::now(),
            next: Cell::new(1),
            findings: RefCell::default(),
            events: RefCell::default(),
            hash: Cell::new(0xcbf2_9ce4_8422_2325),
            is_told: std::env::var_os("TIDEGATE_TRACE").is_some(),
        })
    }

    /// A number that nothing else in this world has.
    pub(crate) fn number(&self) -> u32 {
        self.next.replace(self.next.get() + 1)
    }

    pub(crate) fn chance(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.random.borrow_mut().chance(per_mille)
    }

    /// Random bytes.
    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        let mut random = self.random.borrow_mut();
        bytes.fill_with(|| random.number().to_le_bytes()[0]);
    }

    pub(crate) fn between(&self, least: u64, most: u64) -> u64 {
        self.random.borrow_mut().between(least, most)
    }

    pub(crate) fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        self.random.borrow_mut().pick(items)
    }

    /// Records an event.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        let micros = self.began.elapsed().as_micros();
        let event = format!("{micros:>10} {what}");
        // FNV-1a.
        let hash = event.bytes().fold(self.hash.get(), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.hash.set(hash);
        if self.is_told {
            println!("{event}");
        }
        let mut events = self.events.borrow_mut();
        if events.len() == EVENTS_SHOWN {
            events.pop_front();
        }
        events.push_back(event);
    }

    /// Something happened that should not have.
    pub(crate) fn find(&self, what: String) {
        self.note(format_args!("FOUND {what}"));
        self.findings.borrow_mut().push(what);
    }

    /// What was found, with what happened before; empty if nothing was.
    pub(crate) fn findings(&self) -> Vec<String> {
        let mut found = self.findings.borrow().clone();
        if !found.is_empty() {
            found.extend(self.events.borrow().iter().cloned());
        }
        found
    }

    /// A number that two runs share only if the same things happened in both.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.get()
    }

    /// Lets some time pass.
    pub(crate) async fn dawdle(&self) {
        let longest = u64::try_from(self.weather.delay_max.as_micros()).unwrap();
        let time = Duration::from_micros(self.between(0, longest));
        pass(time).await;
    }
}

/// Lets virtual time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::timeout(time, pending::<()>())
        .await
        .unwrap_err();
}
