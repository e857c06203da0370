//! A tenant's endpoints: who is believed to be the primary, and what becomes of that.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::config::Endpoint;
use crate::config::Role;
use crate::limits::FIRST_LOOK_WAIT;
use crate::limits::SIGHTING_AGE_MAX;
use crate::routing::Look;
use crate::routing::Lsn;
use crate::routing::Memory;
use crate::routing::NoPrimary;
use crate::routing::Place;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::Topology;

fn tenant(roles: &[Role]) -> config::Tenant {
    let endpoint = |(number, role): (usize, &Role)| {
        Arc::new(Endpoint {
            name: format!("e{number}"),
            port: u16::try_from(number).unwrap(),
            role: *role,
            ..Endpoint::default()
        })
    };
    config::Tenant {
        endpoints: roles.iter().enumerate().map(endpoint).collect(),
        ..config::Tenant::default()
    }
}

fn sighting(state: State) -> Sighting {
    static STARTED: AtomicI64 = AtomicI64::new(0);
    Sighting {
        state,
        // No two are the same server.
        started: STARTED.fetch_add(1, Ordering::Relaxed),
        system: Some(1),
        followed: None,
        lsn: Lsn(1),
        received: None,
        lag: None,
        replay_age: None,
    }
}

fn on(timeline: u32) -> Sighting {
    sighting(State::Writable { timeline })
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// A look that ends now.
fn look(now: Instant) -> Look {
    Look {
        connected_at: now - MILLISECOND,
        asked_at: now - MILLISECOND,
        answered_at: now,
    }
}

struct Node {
    tenant: config::Tenant,
    topology: Arc<Topology>,
    now: Instant,
}

impl Node {
    fn new(roles: &[Role]) -> Self {
        let tenant = tenant(roles);
        let topology = Arc::new(Topology::new(&tenant, Arc::default()));
        let now = Instant::now();
        Self {
            tenant,
            topology,
            now,
        }
    }

    fn saw(&self, number: usize, sighting: Sighting) -> bool {
        let endpoint = &self.tenant.endpoints[number];
        self.topology.saw(endpoint, sighting, look(self.now))
    }

    fn failed(&self, number: usize) -> bool {
        let endpoint = &self.tenant.endpoints[number];
        self.topology
            .failed(endpoint, "no".to_owned(), false, self.now)
    }

    fn primary(&self) -> Option<String> {
        match self.topology.place() {
            Place::At(endpoint) => Some(endpoint.name.clone()),
            Place::Nowhere(_) => None,
        }
    }
}

#[test]
fn what_the_configuration_calls_the_primary_is_it_whatever_is_seen() {
    let node = Node::new(&[Role::Replica, Role::Primary]);
    assert_eq!(node.primary().as_deref(), Some("e1"));
    node.saw(0, on(9));
    node.saw(1, sighting(State::Standby));
    assert_eq!(node.primary().as_deref(), Some("e1"));
    assert_eq!(node.topology.version(), 1);
}

#[test]
fn a_promotion_moves_the_primary_and_the_old_one_is_not_believed_again() {
    let node = Node::new(&[Role::Auto, Role::Auto]);
    assert_eq!(
        node.topology.place(),
        Place::Nowhere(NoPrimary::NotYetKnown)
    );
    node.saw(1, sighting(State::Standby));
    node.saw(0, on(1));
    assert_eq!(node.primary().as_deref(), Some("e0"));
    let before = node.topology.version();
    node.failed(0);
    assert_eq!(
        node.primary().as_deref(),
        Some("e0"),
        "nobody else takes writes"
    );
    assert!(node.topology.is_urgent());
    node.saw(1, on(2));
    assert_eq!(node.primary().as_deref(), Some("e1"));
    assert!(node.topology.version() > before);
    assert!(!node.topology.is_urgent());
    node.saw(0, on(1));
    assert_eq!(node.primary().as_deref(), Some("e1"));
}

#[test]
fn two_that_write_on_one_timeline_are_named() {
    let node = Node::new(&[Role::Auto, Role::Replica, Role::Auto]);
    node.saw(0, on(7));
    node.saw(2, on(7));
    let split = NoPrimary::Split("e0".to_owned(), "e2".to_owned());
    assert_eq!(node.topology.place(), Place::Nowhere(split));
    node.saw(2, sighting(State::Standby));
    assert_eq!(node.primary().as_deref(), Some("e0"));
}

#[test]
fn an_endpoint_that_never_answers_is_waited_for_only_a_while() {
    let mut node = Node::new(&[Role::Auto, Role::Auto]);
    node.saw(0, on(1));
    assert_eq!(node.primary(), None);
    node.now += FIRST_LOOK_WAIT;
    node.saw(0, on(1));
    assert_eq!(node.primary().as_deref(), Some("e0"));
}

#[test]
fn a_primary_that_is_back_is_news() {
    let node = Node::new(&[Role::Auto]);
    node.saw(0, on(1));
    let before = node.topology.version();
    node.saw(0, on(1));
    assert_eq!(node.topology.version(), before);
    node.failed(0);
    node.failed(0);
    let view = node.topology.view(node.now);
    assert_eq!(view[0].failures, 2);
    assert_eq!(view[0].error.as_deref(), Some("no"));
    node.saw(0, on(1));
    assert!(node.topology.version() > before);
    assert_eq!(node.topology.view(node.now)[0].failures, 0);
}

#[test]
fn a_reload_keeps_what_is_known_of_those_that_stay() {
    let mut node = Node::new(&[Role::Auto, Role::Auto]);
    node.saw(0, on(1));
    node.saw(1, on(2));
    assert_eq!(node.primary().as_deref(), Some("e1"));
    let other = Endpoint {
        weight: 7,
        ..Endpoint::clone(&node.tenant.endpoints[1])
    };
    node.tenant.endpoints[1] = Arc::new(other);
    node.topology.reload(&node.tenant);
    assert_eq!(node.primary().as_deref(), Some("e1"), "it is where it was");
    let gone = node.tenant.endpoints.remove(0);
    node.topology.reload(&node.tenant);
    assert_eq!(node.primary().as_deref(), Some("e1"));
    assert!(!node.topology.saw(&gone, on(2), look(node.now)));
    assert!(!node.topology.failed(&gone, String::new(), false, node.now));
}

#[test]
fn one_pool_watches_and_another_takes_over() {
    let node = Node::new(&[Role::Auto, Role::Replica]);
    let watch = node.topology.watch().unwrap();
    assert!(node.topology.watch().is_none());
    assert_eq!(watch.take_unattended().len(), 2);
    assert_eq!(watch.take_unattended().len(), 0);
    drop(watch);
    let next = node.topology.watch().unwrap();
    assert_eq!(next.take_unattended().len(), 2);
}

#[test]
fn a_tenant_with_one_primary_needs_no_look_at_it() {
    assert!(!Topology::is_needed(&tenant(&[Role::Primary])));
    assert!(Topology::is_needed(&tenant(&[Role::Auto])));
    assert!(Topology::is_needed(&tenant(&[
        Role::Primary,
        Role::Replica
    ])));
}

#[test]
fn a_refused_login_says_nothing_of_what_an_endpoint_is() {
    let node = Node::new(&[Role::Auto, Role::Auto]);
    let refused = |number: usize| {
        let endpoint = &node.tenant.endpoints[number];
        let error = "no such database".to_owned();
        node.topology.failed(endpoint, error, true, node.now)
    };
    assert!(refused(0) && refused(1));
    let unknown = Place::Nowhere(NoPrimary::NotYetKnown);
    assert_eq!(node.topology.place(), unknown);
    node.failed(0);
    assert_eq!(node.topology.place(), unknown);
    node.failed(1);
    assert_eq!(node.topology.place(), Place::Nowhere(NoPrimary::Nobody));
}

#[test]
fn a_timeline_that_was_reached_once_is_remembered() {
    let node = Node::new(&[Role::Auto, Role::Auto]);
    node.saw(0, on(1));
    node.saw(1, on(2));
    node.saw(1, sighting(State::ReadOnly { timeline: 2 }));
    let behind = Place::Nowhere(NoPrimary::Behind("e0".to_owned()));
    assert_eq!(node.topology.place(), behind);
    let memory = Memory::default();
    memory.reached.store(2, Ordering::Relaxed);
    let later = Topology::new(&node.tenant, Arc::new(memory));
    let (old, new) = (&node.tenant.endpoints[0], &node.tenant.endpoints[1]);
    later.failed(new, String::new(), false, node.now);
    later.saw(old, on(1), look(node.now));
    assert_eq!(later.place(), behind);
}

#[test]
fn what_was_seen_long_ago_is_not_believed() {
    let mut node = Node::new(&[Role::Auto, Role::Auto]);
    let watch = node.topology.watch().unwrap();
    node.now = Instant::now() - SIGHTING_AGE_MAX - MILLISECOND;
    node.saw(0, on(1));
    node.saw(1, sighting(State::Standby));
    drop(watch);
    assert_eq!(node.primary().as_deref(), Some("e0"));
    let watch = node.topology.watch().unwrap();
    assert_eq!(
        node.topology.place(),
        Place::Nowhere(NoPrimary::NotYetKnown)
    );
    node.now = Instant::now();
    node.saw(1, on(2));
    node.saw(0, on(1));
    drop(watch);
    let _watch = node.topology.watch().unwrap();
    assert_eq!(
        node.primary().as_deref(),
        Some("e1"),
        "it was seen a moment ago"
    );
}

#[test]
fn nobody_is_blind_whom_one_endpoint_answers() {
    let node = Node::new(&[Role::Auto, Role::Auto]);
    assert!(node.topology.is_blind());
    node.saw(0, on(1));
    node.failed(1);
    assert!(!node.topology.is_blind());
    node.failed(0);
    assert!(node.topology.is_blind());
}

#[test]
fn who_changes_the_endpoints_may_go_back_to_an_older_timeline() {
    let mut node = Node::new(&[Role::Auto, Role::Auto]);
    node.saw(0, on(1));
    node.saw(1, on(2));
    node.tenant.endpoints.pop();
    node.topology.reload(&node.tenant);
    assert_eq!(node.primary().as_deref(), Some("e0"));
}

#[test]
fn a_reload_of_shares_alone_takes_no_primary_away_and_leaves_those_who_look() {
    let mut node = Node::new(&[Role::Auto, Role::Auto]);
    let watch = node.topology.watch().unwrap();
    assert_eq!(watch.take_unattended().len(), 2);
    node.saw(0, on(3));
    node.saw(1, sighting(State::Standby));
    let (before, version) = (node.tenant.clone(), node.topology.version());
    for endpoint in &mut node.tenant.endpoints {
        let endpoint = Arc::make_mut(endpoint);
        (endpoint.pool_size, endpoint.weight) = (Some(3), 5);
    }
    node.topology.reload(&node.tenant);
    assert_eq!(watch.take_unattended().len(), 0, "somebody looks at them");
    assert_eq!(node.topology.version(), version);
    let Place::At(primary) = node.topology.place() else {
        panic!("there is one");
    };
    assert_eq!(primary.pool_size, Some(3));
    node.tenant = before;
    assert!(node.saw(0, on(3)), "who looks at it knows it as it was");
    assert!(node.topology.view(node.now)[0].is_primary);
    assert_eq!(node.topology.lock().proof.unwrap().timeline, 3);
}
