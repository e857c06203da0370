//! Servers that are reached by a name: every address is tried, and they go when it leads elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::advance;

use super::world::Limits;
use super::world::World;
use super::world::run;
use super::world::size;
use crate::config;
use crate::limits::ADDRESS_CONNECT_TIMEOUT;
use crate::limits::ADDRESS_REMEMBERED_FOR;
use crate::pool::Lookup;
use crate::pool::Names;
use crate::pool::Question;
use crate::pool::reach::reach;

const TTL: Duration = Duration::from_secs(5);

/// A resolver that knows one answer, of the moment. The clones are one.
#[derive(Debug, Clone, Default)]
struct Resolver(Arc<Mutex<Vec<SocketAddr>>>);

impl Lookup for Resolver {
    fn begin(&self, question: Question) {
        let addresses = self.0.lock().unwrap().clone();
        question.answer(Ok(addresses));
    }
}

impl Resolver {
    fn says(&self, addresses: &[&str]) {
        let address = |text: &&str| at(text);
        *self.0.lock().unwrap() = addresses.iter().map(address).collect();
    }
}

fn at(text: &str) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), 5432)
}

/// A world whose only endpoint has a name, with one user.
fn world(servers: u32) -> (World, Resolver) {
    let world = World::new(1, Limits::default(), [("alice", size(servers))]);
    let resolver = Resolver::default();
    let node = config::Node {
        dns_max_ttl: TTL,
        ..config::Node::default()
    };
    let names = Names::new(Box::new(resolver.clone()), &node);
    world.servers.have_names(names);
    (world, resolver)
}

/// Until a name that is in use has been looked up again, and every pool has heard of it.
async fn until_old(world: &World) {
    advance(TTL).await;
    for _ in 0..2 {
        world.tick().await;
    }
}

#[test]
fn a_failover_by_dns_leaves_no_server_at_the_address_of_before() {
    run(async {
        let (world, resolver) = world(3);
        resolver.says(&["10.0.0.1"]);
        let [mut busy, mut idle] = world.busy("alice").await;
        idle.release();
        assert_eq!(world.servers.take_dialed(), ["10.0.0.1", "10.0.0.1"]);
        until_old(&world).await;
        assert_eq!(world.tenant.servers(), 2, "it is where it was");

        resolver.says(&["10.0.0.2"]);
        until_old(&world).await;
        assert_eq!(world.tenant.servers(), 1, "nobody used the other one");
        assert!(busy.has_server(), "its transaction goes on");
        busy.release();
        assert_eq!(world.tenant.servers(), 0, "it is over");
        let [mut one] = world.busy("alice").await;
        assert_eq!(world.servers.take_dialed(), ["10.0.0.2"]);
        one.release();
        // One that is at both is at the one of before, too.
        resolver.says(&["10.0.0.3", "10.0.0.2"]);
        until_old(&world).await;
        assert_eq!(world.tenant.servers(), 1);
    });
}

#[test]
fn a_server_that_was_being_opened_while_the_name_moved_goes_as_well() {
    run(async {
        let (world, resolver) = world(2);
        resolver.says(&["10.0.0.1"]);
        let [_first] = world.busy("alice").await;
        world.servers.lose(Some(at("10.0.0.1").ip()));
        let mut second = world.guest(0, "alice");
        second.ask();
        world.settle().await;
        resolver.says(&["10.0.0.2"]);
        until_old(&world).await;
        world.servers.lose(None);
        world.settle().await;
        assert!(second.has_server());
        world.tick().await;
        second.release();
        assert_eq!(world.tenant.servers(), 1, "the first one's");
    });
}

#[test]
fn an_address_that_does_not_answer_leaves_time_for_the_others_and_comes_last_then() {
    run(async {
        let (world, resolver) = world(2);
        resolver.says(&["10.0.0.1", "10.0.0.2"]);
        world.servers.lose(Some(at("10.0.0.1").ip()));
        let mut first = world.guest(0, "alice");
        first.ask();
        world.settle().await;
        assert!(first.is_waiting());
        advance(ADDRESS_CONNECT_TIMEOUT).await;
        world.settle().await;
        assert!(first.has_server());
        assert_eq!(world.servers.take_dialed(), ["10.0.0.1", "10.0.0.2"]);
        let [_second] = world.busy("alice").await;
        assert_eq!(world.servers.take_dialed(), ["10.0.0.2"]);
    });
}

#[test]
fn an_address_that_outlasts_whoever_waits_for_it_is_not_the_first_to_be_tried_again() {
    run(async {
        let (world, resolver) = world(1);
        resolver.says(&["10.0.0.1", "10.0.0.2"]);
        world.servers.lose(Some(at("10.0.0.1").ip()));
        let guest = world.guest(0, "alice");
        let (pool, endpoint) = (&guest.pool, guest.pool.endpoint().unwrap());
        let (dial, asker) = (&*pool.home.dial, pool.key.tenant());
        let reaching = reach(dial, &endpoint, None, asker);
        let reached = tokio::time::timeout(ADDRESS_CONNECT_TIMEOUT / 2, reaching).await;
        assert!(reached.is_err(), "it waits for the first");
        let (_, address) = reach(dial, &endpoint, None, asker).await.unwrap();
        assert_eq!(address.unwrap(), at("10.0.0.2"));
        assert_eq!(world.servers.take_dialed(), ["10.0.0.1", "10.0.0.2"]);
    });
}

#[test]
fn an_address_that_took_turns_once_is_left_when_it_does_not_come_back() {
    run(async {
        let (world, resolver) = world(1);
        resolver.says(&["10.0.0.1"]);
        let [mut busy] = world.busy("alice").await;
        for _ in 0..3 {
            for address in ["10.0.0.2", "10.0.0.1"] {
                resolver.says(&[address]);
                until_old(&world).await;
            }
        }
        busy.release();
        let [_other] = world.busy("alice").await;
        resolver.says(&["10.0.0.2"]);
        until_old(&world).await;
        let leaves = || {
            let cards = world.guest(0, "alice").pool.server_cards();
            cards.iter().any(|card| card.close_needed.get())
        };
        assert!(!leaves(), "its answers take turns");
        advance(ADDRESS_REMEMBERED_FOR).await;
        until_old(&world).await;
        assert!(leaves());
    });
}

#[test]
fn a_pool_of_one_instance_has_no_server_of_another_with_the_same_name() {
    run(async {
        let (world, resolver) = world(2);
        resolver.says(&["10.0.0.1", "10.0.0.2"]);
        let other = world.guest(0, "alice");
        let pool = &other.pool;
        pool.stay_at(Some(at("10.0.0.2")), Instant::now());
        let [mut lent, mut idle] = world.busy("alice").await;
        idle.release();
        assert_eq!(world.servers.take_dialed(), ["10.0.0.2", "10.0.0.2"]);
        pool.stay_at(Some(at("10.0.0.2")), Instant::now());
        assert_eq!(world.tenant.servers(), 2);
        pool.stay_at(Some(at("10.0.0.1")), Instant::now());
        assert_eq!(world.tenant.servers(), 1);
        lent.release();
        assert_eq!(world.tenant.servers(), 0);
        let [_one] = world.busy("alice").await;
        assert_eq!(world.servers.take_dialed(), ["10.0.0.1"]);
    });
}
