//! Limits that are exact, and shares of them that are fair.

use std::sync::Barrier;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;

use super::*;
use crate::config;
use crate::telemetry::TenantSlot;
use crate::tenancy::ClientPermit;
use crate::tenancy::Side;

fn node(servers: u32) -> Arc<NodeCounts> {
    Arc::new(NodeCounts::new(&config::Node {
        max_server_connections: servers,
        ..config::Node::default()
    }))
}

/// A tenant with a limit of its own and one for its user `app`.
fn tenant(slot: u32, servers: u32, user: u32) -> Arc<Tenant> {
    let mut config = config::Tenant {
        name: format!("tenant{slot}"),
        max_db_connections: servers,
        ..config::Tenant::default()
    };
    let row = config::User {
        name: "app".to_owned(),
        max_user_connections: user,
        ..config::User::default()
    };
    config.users.insert("app".to_owned(), Arc::new(row));
    Arc::new(Tenant::new(TenantSlot::new(slot), Arc::new(config)))
}

fn account(
    node: &Arc<NodeCounts>,
    tenant: &Arc<Tenant>,
    database: &str,
    user: &str,
) -> ServerAccount {
    let pool = tenant.pool_counts(database, user, None);
    ServerAccount::new(node, tenant, user, &pool)
}

/// As many servers as can be had.
fn take_all(account: &ServerAccount, pool_size: u32) -> Vec<ServerPermit> {
    std::iter::from_fn(|| account.open(pool_size).ok()).collect()
}

fn take(account: &ServerAccount, count: usize) -> Vec<ServerPermit> {
    let taken = std::iter::from_fn(|| account.open(0).ok());
    taken.take(count).collect()
}

#[test]
fn clients_and_servers_are_counted_apart() {
    let (node, tenant) = (node(1), tenant(1, 1, 1));
    let account = account(&node, &tenant, "db", "app");
    let client = ClientPermit::try_acquire(&node, &tenant, "app").unwrap();
    let server = account.open(1).unwrap();
    assert_eq!(account.open(1).unwrap_err(), NoRoom::Pool);
    assert_eq!((client.user().clients(), client.user().servers()), (1, 1));
    drop(client);
    assert_eq!(tenant.users()[0].servers(), 1);
    assert_eq!(server.tenant().name(), "tenant1");
    drop(server);
    assert_eq!((node.clients(), node.servers()), (0, 0));
    assert_eq!(tenant.pool_counts("db", "app", None).servers(), 0);
}

#[test]
fn a_pool_is_one_pool_while_somebody_has_a_part_in_it() {
    let tenant = tenant(1, 0, 0);
    let first = tenant.pool_counts("db", "app", None);
    assert!(Arc::ptr_eq(&first, &tenant.pool_counts("db", "app", None)));
    assert!(!Arc::ptr_eq(
        &first,
        &tenant.pool_counts("db", "other", None)
    ));
    let elsewhere = tenant.pool_counts("db", "app", Some("replica"));
    assert!(!Arc::ptr_eq(&first, &elsewhere));
    assert!(!Arc::ptr_eq(
        &first,
        &tenant.pool_counts("other", "app", None)
    ));
}

/// Takes and gives back permits on eight threads, each with a shard of the same pool. Returns the
/// most that were held at once, as seen from within the permits.
fn hammer(account: &ServerAccount, pool_size: u32) -> u32 {
    const THREADS: usize = 8;
    let (held, peak) = (AtomicU32::new(0), AtomicU32::new(0));
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (held, peak, barrier) = (&held, &peak, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let mut kept = Vec::new();
                for round in 0..5_000 {
                    if let Ok(permit) = account.open(pool_size) {
                        let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                        peak.fetch_max(now, Ordering::SeqCst);
                        kept.push(permit);
                    }
                    if (round + number).is_multiple_of(3) && !kept.is_empty() {
                        // Before the permit goes: `held` is never more than what is held.
                        held.fetch_sub(1, Ordering::SeqCst);
                        drop(kept.pop());
                    }
                }
                held.fetch_sub(u32::try_from(kept.len()).unwrap(), Ordering::SeqCst);
                drop(kept);
            });
        }
    });
    peak.load(Ordering::SeqCst)
}

#[test]
fn limits_are_exact_under_eight_threads() {
    for (node, tenant, pool_size) in [
        (node(7), tenant(1, 0, 0), 0),
        (node(0), tenant(1, 7, 0), 0),
        (node(0), tenant(1, 0, 7), 0),
        (node(0), tenant(1, 0, 0), 7),
        (node(10), tenant(1, 9, 8), 7),
    ] {
        let account = account(&node, &tenant, "db", "app");
        assert_eq!(hammer(&account, pool_size), 7);
        assert_eq!((node.servers(), tenant.servers()), (0, 0));
        assert_eq!(account.pool.servers(), 0);
        assert!(tenant.users().is_empty());
        assert_eq!(take_all(&account, pool_size).len(), 7);
    }
}

#[test]
fn the_narrowest_limit_that_is_reached_is_named() {
    let reached = |node_max, tenant_max, user_max| {
        let (node, tenant) = (node(node_max), tenant(1, tenant_max, user_max));
        let account = account(&node, &tenant, "db", "app");
        let _held = account.open(0).unwrap();
        match account.open(0).unwrap_err() {
            NoRoom::Limit(reached) => {
                assert_eq!(reached.side, Side::Server);
                reached.scope
            },
            NoRoom::Pool => panic!("the pool has no limit"),
        }
    };
    assert_eq!(reached(1, 1, 1), LimitScope::User);
    assert_eq!(reached(1, 1, 2), LimitScope::Tenant);
    assert_eq!(reached(1, 2, 2), LimitScope::Node);
}

/// Whose idle servers are wanted when this limit is reached: another database's of the same user,
/// another user's, another tenant's.
fn asked(scope: LimitScope) -> [u32; 3] {
    let (node, acme, globex) = (node(0), tenant(1, 0, 0), tenant(2, 0, 0));
    let asking = account(&node, &acme, "db", "app");
    let others = [
        account(&node, &acme, "other", "app"),
        account(&node, &acme, "db", "other"),
        account(&node, &globex, "db", "app"),
    ];
    let _held = others.each_ref().map(|account| account.open(0).unwrap());
    let _own = asking.open(0).unwrap();
    others.map(|other| {
        let _claim = asking.claim(scope, 1).unwrap();
        assert_eq!(asking.promise(1, 1), 0, "a claim is for others");
        let promised = other.promise(1, 1);
        assert_eq!(other.promise(1, 1), 0, "it is promised once");
        promised
    })
}

#[test]
fn a_server_is_asked_for_where_the_limit_is_shared() {
    assert_eq!(asked(LimitScope::User), [1, 0, 0]);
    assert_eq!(asked(LimitScope::Tenant), [1, 1, 0]);
    assert_eq!(asked(LimitScope::Node), [1, 1, 1]);
}

#[test]
fn a_busy_pool_gives_up_half_of_what_it_has_more() {
    let (node, tenant) = (node(0), tenant(1, 10, 0));
    let (busy, starving) = (
        account(&node, &tenant, "busy", "app"),
        account(&node, &tenant, "starving", "app"),
    );
    let mut held = take_all(&busy, 0);
    assert_eq!(held.len(), 10);
    let claim = starving.claim(LimitScope::Tenant, 20).unwrap();
    assert_eq!(busy.promise(0, 10), 5);
    assert_eq!(busy.promise(0, 10), 5, "as long as it is wanted");
    claim.renew(3);
    assert_eq!(busy.promise(0, 10), 3, "not more than is wanted");
    claim.renew(20);
    // As they go, only the claimant gets them.
    let mut gained = Vec::new();
    for _ in 0..5 {
        held.pop();
        assert!(busy.open(0).is_err());
        gained.push(starving.open(0).unwrap());
    }
    assert_eq!(busy.promise(0, 5), 0, "both have as many");
    held.pop();
    held.push(busy.open(0).unwrap());
    drop(claim);
    drop(gained);
    assert_eq!(take_all(&busy, 0).len(), 5);
}

#[test]
fn of_two_claimants_the_one_with_fewer_comes_first() {
    let (node, tenant) = (node(0), tenant(1, 10, 0));
    let accounts = ["a", "b", "c"].map(|database| account(&node, &tenant, database, "app"));
    let [a, b, c] = &accounts;
    let mut held = take(a, 4);
    let _b = take(b, 4);
    let _c = take(c, 2);
    let _claims = accounts
        .each_ref()
        .map(|account| account.claim(LimitScope::Tenant, 5).unwrap());
    held.pop();
    assert!(b.open(0).is_err(), "two others have fewer");
    let _third = c.open(0).unwrap();
    held.pop();
    // 2, 4 and 3 now.
    assert!(b.open(0).is_err() && c.open(0).is_err());
    held.push(a.open(0).unwrap());
}

#[test]
fn a_tenant_is_weighed_as_a_whole_against_another() {
    let (node, acme, globex) = (node(10), tenant(1, 0, 0), tenant(2, 0, 0));
    let pools: Vec<_> = (0..5)
        .map(|number| account(&node, &acme, &number.to_string(), "app"))
        .collect();
    let mut held: Vec<_> = pools.iter().map(|pool| take(pool, 2)).collect();
    let starving = account(&node, &globex, "db", "app");
    assert!(starving.open(0).is_err());
    let _claim = starving.claim(LimitScope::Node, 3).unwrap();
    let promised = pools.iter().map(|pool| pool.promise(0, 2));
    assert_eq!(promised.sum::<u32>(), 3);
    drop(held.swap_remove(0));
    assert!(pools[1].open(0).is_err());
    let _gained = [starving.open(0).unwrap(), starving.open(0).unwrap()];
}

#[test]
fn however_many_pools_of_a_tenant_claim_it_is_left_a_share_once() {
    let (node, acme, globex) = (node(10), tenant(1, 0, 0), tenant(2, 0, 0));
    let one = account(&node, &acme, "db", "app");
    let pools = ["a", "b", "c", "d"].map(|database| account(&node, &globex, database, "app"));
    let held = take(&one, 10);
    let claim = |pool: &ServerAccount| pool.claim(LimitScope::Node, 9).unwrap();
    let _claims = pools.each_ref().map(claim);
    assert_eq!(one.promise(0, 10), 5, "half of what it has");
    drop(held);
    let _claim = claim(&one);
    let _theirs = take(&one, 10);
    assert_eq!(acme.servers(), 5, "of the node a half, and no more is left");
    let opened = pools.iter().cycle().take(40);
    let _others: Vec<_> = opened.flat_map(|pool| pool.open(0)).collect();
    assert_eq!(globex.servers(), 5);
}

#[test]
fn the_parts_of_a_pool_that_claim_are_one_claimant() {
    let (node, tenant) = (node(0), tenant(1, 8, 0));
    let busy = account(&node, &tenant, "busy", "app");
    let parts = [(); 3].map(|()| account(&node, &tenant, "starving", "app"));
    let _held = take(&busy, 8);
    let _claims = parts
        .each_ref()
        .map(|part| part.claim(LimitScope::Tenant, 8).unwrap());
    assert_eq!(busy.promise(0, 8), 4);
}

#[test]
fn a_claim_ends_when_it_is_dropped() {
    let (node, tenant) = (node(0), tenant(1, 2, 0));
    let (one, other) = (
        account(&node, &tenant, "a", "app"),
        account(&node, &tenant, "b", "app"),
    );
    let mut held = take_all(&one, 0);
    let claim = other.claim(LimitScope::Tenant, 1).unwrap();
    held.pop();
    assert!(one.open(0).is_err());
    drop(claim);
    assert!(one.open(0).is_ok());
}
