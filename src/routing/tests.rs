//! A tenant's endpoints: who is believed to be the primary, and what becomes of that.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::config::Endpoint;
use crate::config::Role;
use crate::limits::FIRST_LOOK_WAIT;
use crate::routing::Lsn;
use crate::routing::NoPrimary;
use crate::routing::Place;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::Topology;

fn tenant(roles: &[Role]) -> config::Tenant {
    let endpoint = |(number, role): (usize, &Role)| {
        Arc::new(Endpoint {
            name: format!("e{number}"),
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
    Sighting {
        state,
        lsn: Lsn(1),
        received: None,
        lag: None,
    }
}

fn on(timeline: u32) -> Sighting {
    sighting(State::Writable { timeline })
}

const MILLISECOND: Duration = Duration::from_millis(1);

struct Node {
    tenant: config::Tenant,
    topology: Arc<Topology>,
    now: Instant,
}

impl Node {
    fn new(roles: &[Role]) -> Self {
        let tenant = tenant(roles);
        let topology = Arc::new(Topology::new(&tenant));
        let now = Instant::now();
        Self {
            tenant,
            topology,
            now,
        }
    }

    fn saw(&self, number: usize, sighting: Sighting) -> bool {
        let endpoint = &self.tenant.endpoints[number];
        self.topology.saw(endpoint, sighting, MILLISECOND, self.now)
    }

    fn failed(&self, number: usize) -> bool {
        let endpoint = &self.tenant.endpoints[number];
        self.topology.failed(endpoint, "no".to_owned(), self.now)
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
    let gone = node.tenant.endpoints.pop().unwrap();
    node.topology.reload(&node.tenant);
    assert_eq!(node.primary().as_deref(), Some("e0"));
    assert!(!node.topology.saw(&gone, on(2), MILLISECOND, node.now));
    assert!(!node.topology.failed(&gone, String::new(), node.now));
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
