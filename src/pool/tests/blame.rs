//! Replicas that are left out of reads for what their servers do.

use std::rc::Rc;
use std::sync::Arc;

use super::world::Guest;
use super::world::Has;
use super::world::Limits;
use super::world::World;
use super::world::run;
use super::world::size;
use crate::config;
use crate::config::Endpoint;
use crate::config::Role;
use crate::pool::Pool;
use crate::routing::Topology;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// A world whose tenant has a replica, and the pools at both.
fn world() -> (World, Arc<Topology>, [Rc<Pool>; 2]) {
    let mut world = World::new(1, Limits::default(), [("alice", size(1))]);
    let config = world.tenant.config();
    let replica = Endpoint {
        name: "replica".to_owned(),
        port: 5433,
        role: Role::Replica,
        ..Endpoint::clone(&config.endpoints[0])
    };
    let endpoints = vec![Arc::clone(&config.endpoints[0]), Arc::new(replica)];
    let config = config::Tenant {
        endpoints,
        ..config::Tenant::clone(&config)
    };
    world.tenant = Arc::new(Tenant::new(TenantSlot::new(1), Arc::new(config)));
    let home = &world.homes[0];
    let topology = home.topologies.of(&world.tenant).unwrap();
    let user = Arc::clone(&world.tenant.config().users["alice"]);
    let primary = home.pool(&world.tenant, "app", &user);
    let replica = home.pool_at(&primary, &world.tenant.config().endpoints[1]);
    (world, topology, [primary, replica])
}

/// What the first server that failed said, at the primary and at the replica.
fn blames(topology: &Topology) -> [bool; 2] {
    let view = topology.view(tokio::time::Instant::now());
    [view[0].blame.is_some(), view[1].blame.is_some()]
}

#[test]
fn a_server_that_cannot_be_opened_is_its_replicas_fault() {
    run(async {
        let (world, topology, [primary, replica]) = world();
        world.servers.are_down(true);
        let (mut writer, mut reader) = (Guest::of(primary), Guest::of(replica));
        writer.ask();
        world.settle().await;
        assert_eq!(blames(&topology), [false, false]);
        reader.ask();
        world.settle().await;
        assert_eq!(blames(&topology), [false, true]);
    });
}

#[test]
fn a_server_that_ends_is_its_replicas_fault_and_one_that_is_left_in_the_middle_is_not() {
    run(async {
        let (world, topology, [_primary, replica]) = world();
        let mut reader = Guest::of(replica);
        for ends in [false, true] {
            reader.ask();
            world.settle().await;
            assert!(reader.has_server());
            if ends {
                world.servers.end();
                world.settle().await;
            }
            let Has::Server(mut lease) = std::mem::replace(&mut reader.has, Has::Nothing) else {
                panic!("it has one");
            };
            lease.is_broken = true;
            drop(lease);
            assert_eq!(blames(&topology), [false, ends]);
        }
    });
}
