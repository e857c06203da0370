//! Servers that nobody uses: which of them stay, and which go.

use std::time::Duration;

use super::world::Guest;
use super::world::Limits;
use super::world::World;
use super::world::run;
use super::world::size;
use crate::config::PoolSettings;
use crate::pool::ServerSession;

const TICKS: u32 = 6;

#[test]
fn what_comes_for_a_client_alone_that_is_gone_is_closed_and_its_pool_forgotten() {
    run(async {
        let world = World::new(1, Limits::default(), [("alice", size(1))]);
        let (home, tenant) = (&world.homes[0], &world.tenant);
        let user = &tenant.config().users["alice"];
        let pool = home.dedicated_pool(tenant, "app", user, ServerSession::default());
        let mut client = Guest::of(pool);
        client.ask();
        drop(client);
        world.settle().await;
        assert_eq!(world.servers.opened(), 1);
        assert_eq!(tenant.servers(), 1);
        for _ in 0..2 {
            world.tick().await;
        }
        assert_eq!(tenant.servers(), 0, "nobody will ever come for it");
        assert!(home.pools().is_empty());
    });
}

/// One server is kept, and each is of use once.
fn of_use_once() -> PoolSettings {
    PoolSettings {
        pool_size: 1,
        min_pool_size: 1,
        server_lifetime: Duration::ZERO,
        ..PoolSettings::default()
    }
}

#[test]
fn min_pool_size_servers_of_use_once_wait_for_that_use() {
    run(async {
        let world = World::new(1, Limits::default(), [("alice", of_use_once())]);
        let mut client = world.guest(0, "alice");
        for _ in 0..TICKS {
            world.tick().await;
        }
        assert_eq!(world.servers.opened(), 1, "closed before anybody came");
        client.ask();
        assert!(client.has_server());
        client.release();
        assert_eq!(world.tenant.servers(), 0, "it has had its use");
        for _ in 0..TICKS {
            world.tick().await;
        }
        assert_eq!(world.servers.opened(), 2);
    });
}

#[test]
fn to_be_asked_whether_it_lives_is_no_use_of_a_server() {
    run(async {
        let settings = PoolSettings {
            server_check_delay: Duration::ZERO,
            ..of_use_once()
        };
        let world = World::new(1, Limits::default(), [("alice", settings)]);
        let mut client = world.guest(0, "alice");
        world.tick().await;
        client.ask();
        world.settle().await;
        assert!(client.has_server());
        assert_eq!(world.servers.queries(), 1);
        assert_eq!(world.servers.opened(), 1, "closed once it had answered");
    });
}
