//! What becomes of the servers while a crowd is there: they lag, pause, die, are cut off, take over and
//! come back, in an order that follows from a seed.

use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::StopSignal;
use tidegate_harness::polling;
use tidegate_model::Random;

use crate::course::Course;
use crate::stage::LIMIT;
use crate::stage::Node;

/// Between one blow and the next, in milliseconds.
const PAUSE_MS: (u64, u64) = (50, 500);

/// How long the standbys may lag, in milliseconds.
const LAG_MS: (u64, u64) = (20, 600);

/// Round trips that a way may have, in milliseconds.
const WAYS_MS: [u64; 6] = [0, 0, 10, 30, 90, 180];

/// How long a node does without the primary.
const CUT: Duration = Duration::from_secs(2);

/// From one upheaval to the next.
const REIGN: Duration = Duration::from_secs(15);

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    Paused,
    Late,
    Down,
    /// It was the primary once, and has not come back.
    Former,
}

pub(crate) struct Nemesis<'a> {
    random: Random,
    course: &'a Course,
    nodes: &'a [Node],
    clusters: &'a mut [Cluster],
    states: Vec<State>,
    primary: usize,
    upheavals: u32,
    /// Ways that are cut: of which node to which cluster.
    cut: Vec<(usize, usize)>,
    /// What was done.
    pub(crate) blows: Vec<String>,
}

impl<'a> Nemesis<'a> {
    pub(crate) fn new(
        seed: u64,
        course: &'a Course,
        nodes: &'a [Node],
        clusters: &'a mut [Cluster],
    ) -> Self {
        Self {
            random: Random::new(seed),
            course,
            nodes,
            states: clusters.iter().map(|_| State::Well).collect(),
            clusters,
            primary: 0,
            upheavals: 0,
            cut: Vec::new(),
            blows: Vec::new(),
        }
    }

    /// For so long, or until it is over; then everything is well again. The first upheaval is after a
    /// third of it.
    pub(crate) fn reign(&mut self, length: Duration) {
        let mut next = length / 3;
        while self.course.now() < length && !self.course.is_over() {
            if self.course.now() >= next {
                self.upheave();
                next = self.course.now() + REIGN;
            } else {
                self.strike();
            }
            let pause = Duration::from_millis(self.random.between(PAUSE_MS.0, PAUSE_MS.1));
            // It goes on when the pause is over.
            drop(polling::until_true("the end", pause, || {
                self.course.is_over()
            }));
        }
        self.mend_all();
    }

    /// The primary.
    pub(crate) fn primary(&self) -> &Cluster {
        &self.clusters[self.primary]
    }

    fn strike(&mut self) {
        if self.random.percent(25) {
            return self.strike_a_way();
        }
        let standby = self.standby();
        if self.states[standby] != State::Well {
            return self.mend(standby);
        }
        let cluster = &mut self.clusters[standby];
        let state = match self.random.below(5) {
            0 => {
                cluster.pause_replay().unwrap();
                State::Paused
            },
            1 => {
                let lag = self.random.between(LAG_MS.0, LAG_MS.1);
                cluster.delay_replay(Duration::from_millis(lag)).unwrap();
                State::Late
            },
            2 => {
                let halt = || cluster.halt(StopSignal::Kill).unwrap();
                self.course.harm(halt);
                State::Down
            },
            3 => {
                let halt = || cluster.halt(StopSignal::Interrupt).unwrap();
                self.course.harm(halt);
                State::Down
            },
            _ => {
                let halt = || cluster.halt(StopSignal::Quit).unwrap();
                self.course.harm(halt);
                cluster.start_again().unwrap();
                State::Well
            },
        };
        self.states[standby] = state;
        self.note(&format!("{standby} is {state:?}"));
    }

    /// The way from a node to a standby.
    fn strike_a_way(&mut self) {
        if let Some((node, cluster)) = self.cut.pop() {
            return self.nodes[node].relays[cluster].restore().unwrap();
        }
        let (node, standby) = (self.random.below(self.nodes.len()), self.standby());
        let relay = &self.nodes[node].relays[standby];
        if self.random.percent(50) {
            self.course.harm(|| relay.cut().unwrap());
            self.cut.push((node, standby));
            self.note(&format!("{standby} is cut off from node {node}"));
        } else {
            let way = *self.random.pick(&WAYS_MS);
            relay.set_round_trip(Duration::from_millis(way));
            self.note(&format!("{standby} is {way} ms away from node {node}"));
        }
    }

    fn standby(&mut self) -> usize {
        let standbys = self.clusters.len() - 1;
        (self.primary + 1 + self.random.below(standbys)) % self.clusters.len()
    }

    fn mend(&mut self, standby: usize) {
        let (primary, cluster) = pair(self.clusters, self.primary, standby);
        match self.states[standby] {
            State::Well => return,
            State::Paused => cluster.resume_replay().unwrap(),
            State::Late => cluster.delay_replay(Duration::ZERO).unwrap(),
            State::Down => {
                cluster.start_again().unwrap();
                cluster.follow(primary).unwrap();
            },
            State::Former => cluster.rejoin(primary).unwrap(),
        }
        self.states[standby] = State::Well;
        self.note(&format!("{standby} is well"));
    }

    fn mend_all(&mut self) {
        for (node, cluster) in self.cut.drain(..) {
            self.nodes[node].relays[cluster].restore().unwrap();
        }
        for standby in 0..self.clusters.len() {
            if standby != self.primary {
                self.mend(standby);
                let (primary, cluster) = pair(self.clusters, self.primary, standby);
                cluster.catch_up(primary).unwrap();
            }
        }
    }

    /// Something happens to the primary: first of all another takes over.
    fn upheave(&mut self) {
        let kind = if self.upheavals == 0 {
            0
        } else {
            self.random.below(5)
        };
        self.upheavals += 1;
        match kind {
            0 | 1 => self.promote(),
            2 => self.restart(StopSignal::Kill),
            3 => self.restart(StopSignal::Interrupt),
            _ => self.cut_off_the_primary(),
        }
    }

    /// Another becomes the primary. The old one is ended so that all who follow it have received all
    /// that it has acknowledged.
    fn promote(&mut self) {
        self.mend_all();
        let (old, new) = (self.primary, self.standby());
        self.note(&format!("{new} takes over from {old}"));
        self.course.upheaval(|| {
            self.clusters[old].halt(StopSignal::Interrupt).unwrap();
            self.clusters[new].promote().unwrap();
            for sibling in (0..self.clusters.len()).filter(|one| ![old, new].contains(one)) {
                let (primary, cluster) = pair(self.clusters, new, sibling);
                cluster.follow(primary).unwrap();
            }
            self.until_written_at(new);
        });
        self.states[old] = State::Former;
        self.primary = new;
        for sibling in (0..self.clusters.len()).filter(|one| ![old, new].contains(one)) {
            let (primary, cluster) = pair(self.clusters, new, sibling);
            cluster.settle(primary).unwrap();
        }
    }

    fn restart(&mut self, signal: StopSignal) {
        self.note(&format!("the primary is restarted by {signal:?}"));
        self.course.upheaval(|| {
            let primary = &mut self.clusters[self.primary];
            primary.halt(signal).unwrap();
            primary.start_again().unwrap();
            self.until_written_at(self.primary);
        });
    }

    fn cut_off_the_primary(&mut self) {
        let node = self.random.below(self.nodes.len());
        self.note(&format!("the primary is cut off from node {node}"));
        self.course.upheaval(|| {
            let relay = &self.nodes[node].relays[self.primary];
            relay.cut().unwrap();
            let over = || self.course.is_over();
            drop(polling::until_true("the end", CUT, over));
            relay.restore().unwrap();
            self.until_written_at(self.primary);
        });
    }

    /// Until every node takes this one for the primary.
    fn until_written_at(&self, primary: usize) {
        let wanted = self.clusters[primary].port().to_string();
        for node in self.nodes {
            let is_there = || {
                let mut client = node.connect();
                let found = client.query("select pg_catalog.inet_server_port()");
                found.is_ok_and(|port| port == wanted)
            };
            polling::until_true("a node to follow", LIMIT, is_there).unwrap();
        }
    }

    fn note(&mut self, what: &str) {
        let at = self.course.now().as_millis();
        self.blows.push(format!("{at} ms: {what}"));
    }
}

/// The primary, and another to be changed.
fn pair(clusters: &mut [Cluster], primary: usize, other: usize) -> (&Cluster, &mut Cluster) {
    let [primary, other] = clusters.get_disjoint_mut([primary, other]).unwrap();
    (primary, other)
}
