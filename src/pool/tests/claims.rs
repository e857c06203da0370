//! Pools that share a limit: who leaves what to whom.

use super::world::Guest;
use super::world::Limits;
use super::world::World;
use super::world::run;
use super::world::size;
use crate::config::PoolSettings;

/// More than any claim takes to be paid.
const TICKS: u32 = 12;

const FOUR: Limits = Limits { node: 0, tenant: 4 };

fn at_least(min_pool_size: u32) -> PoolSettings {
    PoolSettings {
        min_pool_size,
        ..PoolSettings::default()
    }
}

#[test]
fn a_promise_that_is_not_kept_keeps_nobody_else_from_giving() {
    run(async {
        let users = [("alice", size(0)), ("bob", size(1)), ("carol", size(1))];
        let world = World::new(1, FOUR, users);
        // She has the most, and nobody knows for how long.
        let _kept: [Guest; 3] = world.busy("alice").await;
        let [mut first] = world.busy("bob").await;
        let mut second = world.guest(0, "bob");
        second.ask();
        let mut carol = world.guest(0, "carol");
        carol.ask();
        for _ in 0..TICKS {
            world.tick().await;
            first.take_turns();
            second.take_turns();
        }
        assert!(carol.has_server(), "others wait for who does not give");
    });
}

#[test]
fn what_was_promised_to_a_client_that_is_gone_stays() {
    run(async {
        let users = [("alice", size(0)), ("carol", size(1))];
        let world = World::new(1, FOUR, users);
        let mut alice: [Guest; 4] = world.busy("alice").await;
        let mut carol = world.guest(0, "carol");
        carol.ask();
        world.tick().await;
        assert!(alice[0].pool.owed.get() > 0, "nothing was promised");
        drop(carol);
        world.tick().await;
        alice.iter_mut().for_each(Guest::release);
        world.tick().await;
        assert_eq!(alice[0].pool.opened.get(), 4, "closed for nobody");
    });
}

#[test]
fn min_pool_size_takes_no_place_that_another_pool_waits_for() {
    run(async {
        let users = [("alice", size(0)), ("bob", at_least(1)), ("carol", size(0))];
        let limits = Limits { node: 0, tenant: 2 };
        let world = World::new(1, limits, users);
        let [alice] = world.busy("alice").await;
        let [_first] = world.busy("carol").await;
        let mut carol = world.guest(0, "carol");
        carol.ask();
        // He is looked at before carol is.
        let bob = world.guest(0, "bob");
        world.tick().await;
        drop(alice);
        for _ in 0..TICKS {
            world.tick().await;
            assert_eq!(bob.pool.opened.get(), 0, "nobody waits for this one");
        }
        assert!(carol.has_server());
    });
}

#[test]
fn two_pools_with_min_pool_size_do_not_take_one_server_from_each_other() {
    run(async {
        let users = [("alice", at_least(1)), ("bob", at_least(1))];
        let limits = Limits { node: 0, tenant: 1 };
        let world = World::new(2, limits, users);
        let _clients = [
            world.guest(0, "alice"),
            world.guest(0, "bob"),
            world.guest(1, "bob"),
        ];
        for _ in 0..TICKS {
            world.tick().await;
        }
        assert_eq!(world.servers.opened(), 1, "opened for one after the other");
    });
}

#[test]
fn a_pool_claims_no_more_than_its_size_lets_it_use() {
    for limits in [FOUR, Limits { node: 4, tenant: 0 }] {
        run(claims_no_more_than_its_size(limits));
    }
}

async fn claims_no_more_than_its_size(limits: Limits) {
    let world = World::new(1, limits, [("alice", size(0)), ("bob", size(1))]);
    let having: [Guest; 4] = world.busy("alice").await;
    let alice = || world.guest(0, "alice");
    let waiting = [alice(), alice(), alice(), alice()];
    let bob = || world.guest(0, "bob");
    let bobs = [bob(), bob(), bob()];
    let mut clients: Vec<_> = having.into_iter().chain(waiting).chain(bobs).collect();
    clients[4..].iter_mut().for_each(Guest::ask);
    // All three are claimed for, then, if any of them should be.
    for _ in 0..3 {
        world.tick().await;
    }
    let owed = clients[0].pool.owed.get();
    assert_eq!(owed, 1, "three wait, and may use one: {limits:?}");
    for _ in 0..TICKS {
        for client in &mut clients {
            client.take_turns();
        }
        world.tick().await;
        let of_alice = clients[0].pool.opened.get();
        assert!(of_alice >= 3, "{of_alice} are left for {limits:?}");
    }
    assert_eq!(clients[8].pool.opened.get(), 1, "bob has what he may have");
}
