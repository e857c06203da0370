//! One pool on two workers.

use super::world::Has;
use super::world::Limits;
use super::world::World;
use super::world::run;
use super::world::size;
use crate::pool;

/// More than a part needs to ask for a server and get it.
const TICKS: u32 = 6;

#[test]
fn a_part_that_reaches_no_server_has_its_clients_wait_for_those_of_another() {
    run(async {
        let world = World::new(2, Limits::default(), [("alice", size(2))]);
        let [mut here] = world.busy("alice").await;
        world.servers.are_down(true);
        let mut there = world.guest(1, "alice");
        there.ask();
        world.settle().await;
        assert!(there.is_waiting());
        here.release();
        for _ in 0..TICKS {
            world.tick().await;
        }
        assert!(there.has_server(), "the one of the other part is idle");
    });
}

#[test]
fn during_an_outage_a_part_without_servers_lets_clients_wait_for_those_of_another() {
    run(async {
        let world = World::new(2, Limits::default(), [("alice", size(2))]);
        let [mut here] = world.busy("alice").await;
        world.servers.are_down(true);
        let mut first = world.guest(1, "alice");
        first.ask();
        world.settle().await;
        assert!(first.pool.outage.borrow().is_some(), "nothing has failed");
        let mut second = world.guest(1, "alice");
        second.ask();
        assert!(second.is_waiting());
        drop(first);
        here.release();
        for _ in 0..TICKS {
            world.tick().await;
        }
        assert!(second.has_server(), "the one of the other part is idle");
    });
}

#[test]
fn a_doubted_server_that_a_cancel_request_has_left_is_asked_before_whoever_waits_gets_it() {
    run(async {
        let world = World::new(1, Limits::default(), [("alice", size(1))]);
        let [mut first] = world.busy("alice").await;
        cancel(&world, &first.has);
        first.release();
        let mut second = world.guest(0, "alice");
        second.ask();
        world.homes[0].resumed();
        world.servers.are_silent(true);
        world.servers.hold_cancels(false);
        world.settle().await;
        assert!(!second.has_server(), "it may be dead");
        assert_eq!(world.servers.queries(), 1, "it was not asked");
        world.servers.are_silent(false);
        world.settle().await;
        assert!(second.has_server());
        assert_eq!(world.servers.opened(), 1);
    });
}

#[test]
fn a_doubted_server_is_asked_before_another_part_gets_it() {
    run(async {
        let world = World::new(2, Limits::default(), [("alice", size(1))]);
        let [mut here] = world.busy("alice").await;
        let mut there = world.guest(1, "alice");
        there.ask();
        cancel(&world, &here.has);
        here.release();
        world.settle().await;
        // It has asked for one by now.
        world.tick().await;
        world.homes[0].resumed();
        world.servers.are_silent(true);
        world.servers.hold_cancels(false);
        world.settle().await;
        assert_eq!(here.pool.opened.get(), 1, "it has left, and may be dead");
        world.tick().await;
        assert_eq!(world.servers.queries(), 1, "it was not asked");
        assert_eq!(here.pool.opened.get(), 1, "it has left, and may be dead");
        world.servers.are_silent(false);
        world.settle().await;
        assert!(there.has_server());
        assert_eq!(world.servers.opened(), 1);
    });
}

/// Has a cancel request on its way to a client's server.
fn cancel(world: &World, has: &Has) {
    let Has::Server(lease) = has else {
        panic!("{has:?} cannot be canceled")
    };
    world.servers.hold_cancels(true);
    pool::cancel_server(&lease.pool, &lease.card, ());
}
