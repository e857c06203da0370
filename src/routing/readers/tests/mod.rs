//! Where reads go, rule by rule, with endpoints that say what a test wants.

mod absence;
mod consistency;
mod eligible;
mod model;
mod nearness;
mod verdicts;
mod waiting;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::config::Consistency;
use crate::config::Endpoint;
use crate::config::Role;
use crate::routing::Choice;
use crate::routing::Look;
use crate::routing::Lsn;
use crate::routing::Past;
use crate::routing::Preferences;
use crate::routing::Readers;
use crate::routing::Rule;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::Target;
use crate::routing::Topology;
use crate::routing::Unfit;
use crate::routing::Wish;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The primary is at 0, replicas behind it.
struct Node {
    tenant: config::Tenant,
    region: &'static str,
    topology: Arc<Topology>,
    readers: Readers,
    connected_at: Vec<Instant>,
    sightings: Vec<Sighting>,
    now: Instant,
    random: Cell<u32>,
}

const SESSION: Wish = Wish {
    consistency: Consistency::Session,
    max_lag: Duration::from_secs(10),
    causal_wait: Duration::ZERO,
    is_replica_demanded: false,
};

impl Node {
    /// With so many endpoints, as configured, of which each has said often enough how it is: all have
    /// come to 100, and are as far away as told.
    fn with(round_trips: &[Duration], configure: impl Fn(&mut config::Tenant)) -> Self {
        let endpoint = |number: usize| Endpoint {
            name: format!("e{number}"),
            port: u16::try_from(number).unwrap(),
            role: Role::Auto,
            ..Endpoint::default()
        };
        let mut tenant = config::Tenant {
            endpoints: (0..round_trips.len())
                .map(|number| Arc::new(endpoint(number)))
                .collect(),
            ..config::Tenant::default()
        };
        configure(&mut tenant);
        let topology = Arc::new(Topology::new(&tenant, Arc::default()));
        let now = Instant::now() + SECOND * 100;
        let sighting = |number: usize| Sighting {
            state: if number == 0 {
                State::Writable { timeline: 1 }
            } else {
                State::Standby
            },
            started: i64::try_from(number).unwrap(),
            system: Some(7),
            followed: (number > 0).then_some(1),
            lsn: Lsn(100),
            received: None,
            lag: None,
            replay_age: None,
        };
        let mut node = Self {
            topology,
            readers: Readers::new(),
            connected_at: vec![now; round_trips.len()],
            sightings: (0..round_trips.len()).map(sighting).collect(),
            tenant,
            region: "",
            now: now + SECOND,
            random: Cell::new(0),
        };
        for _ in 0..4 {
            node.look(round_trips);
        }
        node
    }

    fn new(round_trips: &[Duration]) -> Self {
        Self::with(round_trips, |_| {})
    }

    /// Everybody is asked, and answers.
    fn look(&mut self, round_trips: &[Duration]) {
        let asked_at = self.now;
        for (number, round_trip) in round_trips.iter().enumerate() {
            self.now = asked_at + *round_trip;
            self.saw_at(number, asked_at);
        }
        self.now = asked_at + SECOND;
        self.refresh();
    }

    fn saw_at(&mut self, number: usize, asked_at: Instant) {
        let look = Look {
            connected_at: self.connected_at[number],
            asked_at,
            answered_at: self.now,
        };
        let endpoint = &self.tenant.endpoints[number];
        self.topology.saw(endpoint, self.sightings[number], look);
    }

    /// One is asked in a millisecond, and answers a millisecond later.
    fn saw(&mut self, number: usize) {
        self.now += MS;
        let asked_at = self.now;
        self.now += MS;
        self.saw_at(number, asked_at);
        self.refresh();
    }

    fn says(&mut self, number: usize, change: impl Fn(&mut Sighting)) {
        change(&mut self.sightings[number]);
        self.saw(number);
    }

    fn refresh(&mut self) {
        let preferences = Preferences::of(self.region, &self.tenant);
        self.readers.refresh(&self.topology, &preferences, self.now);
    }

    fn choose(&self, wish: &Wish, past: &mut Past) -> Choice {
        self.choose_with(wish, past, &[])
    }

    fn choose_with(&self, wish: &Wish, past: &mut Past, outstanding: &[u32]) -> Choice {
        self.random.set(self.random.get().wrapping_add(0x9E37_79B9));
        let outstanding = |index: usize| outstanding.get(index).copied().unwrap_or(0);
        let random = self.random.get();
        self.readers
            .choose(wish, past, outstanding, random, self.now)
    }

    /// Where a client without a past reads.
    fn rule(&self) -> Rule {
        self.choose(&SESSION, &mut Past::default()).rule
    }

    /// How often, of a thousand reads, each endpoint got one.
    fn shares(&self, outstanding: &[u32]) -> Vec<u32> {
        let mut shares = vec![0; self.tenant.endpoints.len()];
        for _ in 0..1000 {
            let choice = self.choose_with(&SESSION, &mut Past::default(), outstanding);
            match choice.target {
                Target::Primary => shares[0] += 1,
                Target::Replica(index) => shares[index] += 1,
                Target::Await { .. } => panic!("nobody waits"),
            }
        }
        shares
    }

    fn unfit(&self, number: usize) -> Option<Unfit> {
        self.readers.get(number).unwrap().unfit
    }
}

fn past_of(lsn: u64) -> Past {
    Past {
        floor: Lsn(lsn),
        ..Past::default()
    }
}

fn region(tenant: &mut config::Tenant, number: usize, region: &str) {
    let endpoint = &mut tenant.endpoints[number];
    *endpoint = Arc::new(Endpoint {
        region: region.to_owned(),
        ..Endpoint::clone(endpoint)
    });
}

fn weigh(tenant: &mut config::Tenant, number: usize, weight: u32) {
    let endpoint = &mut tenant.endpoints[number];
    *endpoint = Arc::new(Endpoint {
        weight,
        ..Endpoint::clone(endpoint)
    });
}
