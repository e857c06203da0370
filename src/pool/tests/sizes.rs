//! The sizes of a pool where its servers are: what an endpoint says of them, and what becomes of
//! servers when that changes.

use std::sync::Arc;

use tokio::time::Instant;

use super::world::Limits;
use super::world::World;
use super::world::run;
use super::world::size;
use crate::config;

/// The configuration with its only endpoint changed, in force.
fn reload(world: &World, change: impl Fn(&mut config::Endpoint)) {
    let mut tenant = config::Tenant::clone(&world.tenant.config());
    for endpoint in &mut tenant.endpoints {
        change(Arc::make_mut(endpoint));
    }
    world.tenant.replace_config(Arc::new(tenant));
    for home in &world.homes {
        home.reload(Instant::now());
    }
}

#[test]
fn servers_stay_when_only_their_number_or_share_is_changed() {
    run(async {
        let world = World::new(1, Limits::default(), [("alice", size(2))]);
        let [mut lent, mut idle] = world.busy("alice").await;
        idle.release();
        reload(&world, |endpoint| {
            endpoint.pool_size = Some(3);
            endpoint.weight = 7;
            endpoint.region = "fra".to_owned();
        });
        lent.release();
        let [_lent, _idle] = world.busy("alice").await;
        assert_eq!(world.servers.opened(), 2, "they were let go for nothing");
        reload(&world, |endpoint| endpoint.port += 1);
        world.tick().await;
        let other = world.guest(0, "alice");
        let cards = other.pool.server_cards();
        assert!(cards.iter().all(|card| card.close_needed.get()));
    });
}

#[test]
fn an_endpoint_says_how_many_servers_it_takes_whatever_it_is_used_for() {
    run(async {
        let world = World::new(1, Limits::default(), [("alice", size(1))]);
        reload(&world, |endpoint| endpoint.pool_size = Some(2));
        let [one, _two] = world.busy("alice").await;
        let mut third = world.guest(0, "alice");
        third.ask();
        world.settle().await;
        assert!(third.is_waiting());
        assert_eq!(one.pool.pool_size(), 2);
    });
}

#[test]
fn an_endpoint_says_how_many_servers_are_kept_ready() {
    run(async {
        let world = World::new(1, Limits::default(), [("alice", size(5))]);
        reload(&world, |endpoint| endpoint.min_pool_size = Some(3));
        let client = world.guest(0, "alice");
        world.tick().await;
        assert_eq!(world.servers.opened(), 3);
        drop(client);
    });
}
