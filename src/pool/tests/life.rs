//! Servers that nobody uses: which of them stay, and which go.

use super::world::Guest;
use super::world::Limits;
use super::world::World;
use super::world::run;
use super::world::size;
use crate::pool::ServerSession;

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
