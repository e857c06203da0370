//! Whole histories: servers that replay, stop, crash and take over; a monitor that hears of it late;
//! clients that write and read. Whatever happens in whatever order, nobody reads what is older than what
//! was promised.
//!
//! The model knows what each server really shows. A session does what sessions do: it takes a server's
//! connection only if the reader vouches for it, and goes to the primary otherwise.

mod servers;
mod step;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;
use tokio::time::Instant;

use crate::config;
use crate::config::Consistency;
use crate::config::Endpoint;
use crate::config::Role;
use crate::routing::Look;
use crate::routing::Lsn;
use crate::routing::Memory;
use crate::routing::Past;
use crate::routing::Place;
use crate::routing::Preferences;
use crate::routing::Readers;
use crate::routing::Sighting;
use crate::routing::Target;
use crate::routing::Topology;
use crate::routing::UnprovenWrite;
use crate::routing::readers::tests::SESSION;
use crate::routing::readers::tests::model::servers::Servers;
use crate::routing::readers::tests::model::servers::sighting;
use crate::routing::readers::tests::model::step::Step;
use crate::routing::readers::tests::model::step::Told;

const SERVERS: usize = 4;
const CLIENTS: usize = 3;
const RECORD: u64 = 10;

/// Between any two things that happen.
const MOMENT: Duration = Duration::from_micros(1);

#[derive(Debug, Clone, Copy)]
struct Connection {
    opened_at: Instant,
    incarnation: u32,
}

#[derive(Debug, Default)]
struct Monitor {
    connection: Option<Connection>,
    asked_at: Option<Instant>,
    looked_up: Option<Sighting>,
}

#[derive(Debug, Default)]
struct Client {
    past: Past,
    /// The newest that it has written or read.
    knows: u64,
}

struct World<'a> {
    tenant: config::Tenant,
    topology: Topology,
    readers: Readers,
    servers: Servers,
    monitors: [Monitor; SERVERS],
    pools: [Option<Connection>; SERVERS],
    clients: [Client; CLIENTS],
    acknowledged: u64,
    unproven: Vec<(UnprovenWrite, u64)>,
    random: u32,
    now: Instant,
    at_replicas: &'a Cell<u64>,
}

impl<'a> World<'a> {
    fn new(at_replicas: &'a Cell<u64>) -> Self {
        let endpoint = |port: u16| {
            Arc::new(Endpoint {
                port,
                role: Role::Auto,
                ..Endpoint::default()
            })
        };
        let tenant = config::Tenant {
            endpoints: (0..4).map(endpoint).collect(),
            near_within: Duration::from_secs(1),
            ejected_percent_max: 34,
            ..config::Tenant::default()
        };
        Self {
            topology: Topology::new(&tenant, Arc::new(Memory::default())),
            tenant,
            readers: Readers::new(),
            servers: Servers::new(),
            monitors: Default::default(),
            pools: [None; SERVERS],
            clients: Default::default(),
            acknowledged: 100,
            unproven: Vec::new(),
            random: 0,
            now: Instant::now(),
            at_replicas,
        }
    }

    async fn step(&mut self, step: Step) {
        self.now += MOMENT;
        match step {
            Step::Passes(time) => self.now += time,
            Step::Writes(client, told) => {
                // What is dropped looks at the clock.
                tokio::time::advance(self.now - Instant::now()).await;
                self.write(client, told);
            },
            Step::Reads(client, consistency) => self.read(client, consistency),
            Step::Proves => {
                if let Some((write, lsn)) = self.unproven.pop() {
                    write.proven(Lsn(lsn));
                }
            },
            Step::Replays(server, far) => self.servers.replay(server, far),
            Step::Flushes(server) => self.servers.flush(server),
            Step::Crashes(server, far) => self.servers.begin_again(server, far),
            Step::Restarts(server, far) => self.servers.restart(server, far),
            Step::GoesDown(server) => self.servers.go_down(server),
            Step::TakesOver(server, other) => self.servers.take_over(server, other),
            Step::Follows(server) => self.servers.follow(server),
            Step::Haunts(server) => self.servers.haunt(server),
            Step::Looks(server) => {
                self.monitor(server, step::Look::Asks);
                self.monitor(server, step::Look::LooksUp);
                self.monitor(server, step::Look::Answers);
            },
            Step::Monitors(server, asked) => self.monitor(server, asked),
            Step::Blames(server) => {
                let endpoint = &self.tenant.endpoints[server];
                let error = String::new();
                self.topology.blame(endpoint, error, self.now);
            },
        }
    }

    fn monitor(&mut self, number: usize, asked: step::Look) {
        let now = self.now;
        let server = self.servers.all[number];
        let endpoint = &self.tenant.endpoints[number];
        let monitor = &mut self.monitors[number];
        let holds = |connection: &Connection| connection.incarnation == server.incarnation;
        let is_broken = monitor
            .connection
            .is_some_and(|connection| !holds(&connection));
        match asked {
            step::Look::Asks if is_broken || monitor.connection.is_none() && !server.is_up => {
                *monitor = Monitor::default();
                let error = "no".to_owned();
                self.topology.failed(endpoint, error, false, now);
            },
            step::Look::Asks if monitor.asked_at.is_none() => {
                monitor.connection.get_or_insert(Connection {
                    opened_at: now,
                    incarnation: server.incarnation,
                });
                monitor.asked_at = Some(now);
            },
            step::Look::LooksUp if monitor.asked_at.is_some() && !is_broken => {
                monitor.looked_up.get_or_insert(sighting(&server));
            },
            step::Look::Answers => {
                let answer = monitor.looked_up.take().zip(monitor.connection);
                if let Some((sighting, connection)) = answer {
                    let look = Look {
                        connected_at: connection.opened_at,
                        asked_at: monitor.asked_at.take().unwrap(),
                        answered_at: now,
                    };
                    self.topology.saw(endpoint, sighting, look);
                }
            },
            step::Look::Notices if is_broken => {
                *monitor = Monitor::default();
                self.topology.lost(endpoint);
            },
            // It has nothing to ask, or nobody answers.
            step::Look::Asks | step::Look::LooksUp | step::Look::Notices => {},
        }
    }

    /// The primary as the node knows it, if it is the one that there is.
    fn reachable_primary(&self) -> Option<usize> {
        let Place::At(endpoint) = self.topology.place() else {
            return None;
        };
        (usize::from(endpoint.port) == self.servers.primary).then_some(self.servers.primary)
    }

    fn write(&mut self, client: usize, told: Told) {
        let Some(primary) = self.reachable_primary() else {
            return;
        };
        let write = self.topology.floor().wrote();
        let opened_at = self.connect(primary).opened_at;
        let is_comparable = self.readers.vouch_for_primary(opened_at);
        let lsn = self.servers.write();
        self.acknowledged = lsn;
        let client = &mut self.clients[client];
        client.knows = lsn;
        let told = if is_comparable { told } else { Told::Never };
        match told {
            Told::AtOnce => {
                client.past.heard(Lsn(lsn));
                write.proven(Lsn(lsn));
            },
            Told::Later => {
                client.past.spoke(self.now);
                self.unproven.push((write, lsn));
            },
            Told::Never => {
                client.past.spoke(self.now);
                drop(write);
            },
        }
    }

    fn read(&mut self, number: usize, consistency: Consistency) {
        let now = self.now;
        self.random = self.random.wrapping_add(0x9E37_79B9);
        let preferences = Preferences::of("", &self.tenant);
        self.readers.refresh(&self.topology, &preferences, now);
        let wish = crate::routing::Wish {
            consistency,
            // Else those that come back would hardly be read from in the little time that there is.
            is_replica_demanded: self.random & 3 > 0,
            ..SESSION
        };
        let client = &mut self.clients[number];
        let load = |_| self.random >> 30;
        let choice = self
            .readers
            .choose(&wish, &mut client.past, load, self.random, now);
        let shown = match choice.target {
            Target::Replica(index) => self.shown_by(index, number),
            Target::Primary | Target::Await { .. } => None,
        };
        let shown = shown.or_else(|| {
            let primary = self.reachable_primary()?;
            let opened_at = self.connect(primary).opened_at;
            let is_comparable = self.readers.vouch_for_primary(opened_at);
            let server = &self.servers.all[primary];
            let past = &mut self.clients[number].past;
            if is_comparable && self.random & 4 > 0 {
                past.heard(Lsn(server.position));
            } else {
                past.spoke(now);
            }
            Some(server.shows)
        });
        let client = &mut self.clients[number];
        let Some(shown) = shown else {
            return;
        };
        if consistency != Consistency::Eventual {
            assert!(
                shown >= client.knows,
                "it knows {}, and reads {shown}",
                client.knows
            );
        }
        if consistency == Consistency::Tenant {
            let acknowledged = self.acknowledged;
            assert!(
                shown >= acknowledged,
                "{acknowledged} was written, {shown} read"
            );
        }
        client.knows = client.knows.max(shown);
    }

    /// A connection to a server: the one that there is, if that lives.
    fn connect(&mut self, index: usize) -> Connection {
        let incarnation = self.servers.all[index].incarnation;
        let pool = &mut self.pools[index];
        *pool = pool.filter(|connection| connection.incarnation == incarnation);
        *pool.get_or_insert(Connection {
            opened_at: self.now,
            incarnation,
        })
    }

    /// What a replica shows a client, if a connection may be taken.
    fn shown_by(&mut self, index: usize, client: usize) -> Option<u64> {
        let now = self.now;
        let server = self.servers.all[index];
        if !server.is_up {
            return None;
        }
        let connection = self.connect(index);
        let reader = self.readers.get(index)?;
        if !reader.vouches_for(connection.opened_at) {
            return None;
        }
        self.clients[client].past.read_at(reader.life?, now);
        self.at_replicas.set(self.at_replicas.get() + 1);
        Some(server.shows)
    }
}

#[test]
fn nobody_reads_what_is_older_than_what_was_promised() {
    let at_replicas = Cell::new(0);
    let histories = std::env::var("TIDEGATE_READ_HISTORIES").ok();
    let cases = histories
        .and_then(|count| count.parse().ok())
        .unwrap_or(1000);
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&vec(any::<u32>().prop_map(Step::of), 1..600), |steps| {
        in_a_world(&at_replicas, async |world| {
            for step in steps {
                world.step(step).await;
            }
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let per_history = at_replicas.get() / u64::from(cases);
    assert!(
        per_history >= 3,
        "{per_history} reads of a history went to a replica"
    );
}

#[test]
fn a_place_on_a_timeline_that_nobody_has_heard_of_proves_nothing() {
    in_a_world(&Cell::new(0), async |world| {
        world.step(Step::Reads(2, Consistency::Session)).await;
        world.connect(3);
        // It strays when another takes over, and is farther now than anybody else.
        for step in [
            Step::TakesOver(2, 3),
            Step::Looks(3),
            Step::Restarts(0, 0),
            Step::TakesOver(0, 1),
        ] {
            world.step(step).await;
        }
        // The node has heard of none of it, and its primary is the primary.
        world.step(Step::Writes(1, Told::AtOnce)).await;
        world.step(Step::Reads(1, Consistency::Session)).await;
    });
}

/// Everybody is known at the beginning, so that short histories say something, too.
fn in_a_world(at_replicas: &Cell<u64>, happens: impl AsyncFnOnce(&mut World<'_>)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(at_replicas);
        for server in 0..SERVERS {
            world.step(Step::Looks(server)).await;
        }
        world.step(Step::Passes(Duration::from_millis(1))).await;
        happens(&mut world).await;
    });
}
