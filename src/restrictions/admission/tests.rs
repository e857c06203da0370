//! The order of the checks, and what a refused client leaves behind: nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_proto::proxy::Cloud;
use tidegate_proto::proxy::PrivateEndpoint;

use super::*;
use crate::config::Rate;
use crate::config::Refusals;
use crate::restrictions::NetworkRefusal;
use crate::restrictions::RateScope;
use crate::restrictions::test_clock::start;
use crate::tenancy::LimitScope;
use crate::tenancy::PeerAddress;

const RATE: Rate = Rate {
    per_second: 1,
    burst: 3,
};

/// A tenant that only `192.0.2.0/24` may use, with TLS, two clients and three attempts.
fn strict() -> config::Tenant {
    config::Tenant {
        name: "acme".to_owned(),
        network: config::Network {
            allow: Some(vec!["192.0.2.0/24".parse().unwrap()]),
            ..config::Network::default()
        },
        tls_required: true,
        max_client_conn: 2,
        connection_rate: RATE,
        ..config::Tenant::default()
    }
}

fn config_of(tenants: Vec<config::Tenant>) -> config::Config {
    let tenants = tenants.into_iter();
    config::Config {
        tenants: tenants
            .map(|tenant| (tenant.name.clone(), Arc::new(tenant)))
            .collect(),
        ..config::Config::default()
    }
}

fn admission(tenants: Vec<config::Tenant>) -> Admission {
    let admission = Admission::new(
        Arc::new(Directory::new(&BTreeMap::new())),
        Arc::new(NodeCounts::default()),
    );
    admission.reload(&config_of(tenants));
    admission
}

fn origin(address: &str) -> Origin {
    let peer = PeerAddress::from_socket("10.0.0.1:1".parse().unwrap());
    Origin::proxied(peer, format!("{address}:1").parse().unwrap(), None, None)
}

fn applicant(origin: &Origin) -> Applicant<'_> {
    Applicant {
        tenant: "acme",
        user: "app",
        origin,
        is_encrypted: true,
    }
}

fn denial(result: Result<Admitted, Box<Refused>>) -> Denial {
    result.unwrap_err().denial
}

#[test]
fn the_network_is_checked_before_anything_else() {
    let admission = admission(vec![strict()]);
    let outside = origin("198.51.100.1");
    let plain = Applicant {
        is_encrypted: false,
        ..applicant(&outside)
    };
    let refused = admission.admit(&plain, start()).unwrap_err();
    assert!(matches!(
        refused.denial,
        Denial::Network {
            refusal: NetworkRefusal::AddressNotAllowed,
            ..
        }
    ));
    assert_eq!(refused.tenant.unwrap().name(), "acme");
}

#[test]
fn tls_is_checked_before_the_limits_and_the_limits_before_the_rate() {
    let admission = admission(vec![strict()]);
    let (now, inside) = (start(), origin("192.0.2.1"));
    let first = admission.admit(&applicant(&inside), now).unwrap();
    let second = admission.admit(&applicant(&inside), now).unwrap();

    let plain = Applicant {
        is_encrypted: false,
        ..applicant(&inside)
    };
    assert_eq!(denial(admission.admit(&plain, now)), Denial::TlsRequired);
    for _ in 0..5 {
        let Denial::ClientLimit(reached) = denial(admission.admit(&applicant(&inside), now)) else {
            panic!("the limit is reached before the rate is asked");
        };
        assert_eq!((reached.scope, reached.limit), (LimitScope::Tenant, 2));
    }
    drop(first);
    drop(admission.admit(&applicant(&inside), now).unwrap());
    let Denial::Rate(reached) = denial(admission.admit(&applicant(&inside), now)) else {
        panic!("three attempts were made");
    };
    assert_eq!(
        (reached.scope, reached.retry_after),
        (RateScope::Tenant, Duration::from_secs(1))
    );
    assert_eq!(second.permit.tenant().clients(), 1);
    drop(second);
    assert_eq!(admission.node().clients(), 0);
}

#[test]
fn an_unknown_tenant_and_a_blocked_network_get_the_same_answer() {
    let admission = admission(vec![strict()]);
    let outside = origin("198.51.100.1");
    let blocked = denial(admission.admit(&applicant(&outside), start()));
    admission.reload(&config_of(vec![]));
    let refused = admission.admit(&applicant(&outside), start()).unwrap_err();
    assert!(refused.tenant.is_none());
    for refusals in [Refusals::Named, Refusals::Opaque] {
        assert_eq!(
            blocked.disposition(refusals),
            refused.denial.disposition(refusals)
        );
    }
}

#[test]
fn a_user_above_its_rate_takes_nothing_from_the_others() {
    let mut tenant = strict();
    tenant.max_client_conn = 0;
    let row = config::User {
        name: "app".to_owned(),
        connection_rate: Rate {
            per_second: 1,
            burst: 1,
        },
        ..config::User::default()
    };
    tenant.users.insert("app".to_owned(), Arc::new(row));
    let admission = admission(vec![tenant]);
    let (now, inside) = (start(), origin("192.0.2.1"));
    drop(admission.admit(&applicant(&inside), now).unwrap());
    for _ in 0..10 {
        let Denial::Rate(reached) = denial(admission.admit(&applicant(&inside), now)) else {
            panic!("the user's burst is one");
        };
        assert_eq!(reached.scope, RateScope::User);
    }
    let other = Applicant {
        user: "other",
        ..applicant(&inside)
    };
    for _ in 0..2 {
        drop(admission.admit(&other, now).unwrap());
    }
    assert!(matches!(
        denial(admission.admit(&other, now)),
        Denial::Rate(_)
    ));
}

#[test]
fn a_reload_keeps_the_attempts_of_a_user_that_stays_and_forgets_one_that_has_no_rate() {
    let one_a_second = |rate| {
        let mut tenant = strict();
        tenant.connection_rate = Rate::UNLIMITED;
        let row = config::User {
            name: "app".to_owned(),
            connection_rate: rate,
            ..config::User::default()
        };
        tenant.users.insert("app".to_owned(), Arc::new(row));
        config_of(vec![tenant])
    };
    let admission = admission(vec![]);
    let (now, inside) = (start(), origin("192.0.2.1"));
    let rate = Rate {
        per_second: 1,
        burst: 1,
    };
    admission.reload(&one_a_second(rate));
    drop(admission.admit(&applicant(&inside), now).unwrap());
    admission.reload(&one_a_second(Rate { burst: 0, ..rate }));
    assert!(matches!(
        denial(admission.admit(&applicant(&inside), now)),
        Denial::Rate(_)
    ));
    admission.reload(&one_a_second(Rate::UNLIMITED));
    drop(admission.admit(&applicant(&inside), now).unwrap());
    admission.reload(&one_a_second(rate));
    drop(admission.admit(&applicant(&inside), now).unwrap());
}

#[test]
fn a_reload_changes_the_limits_of_the_node() {
    let mut tenant = strict();
    tenant.max_client_conn = 0;
    let mut config = config_of(vec![tenant]);
    let admission = admission(vec![]);
    let (now, inside) = (start(), origin("192.0.2.1"));
    config.node.max_client_conn = 1;
    admission.reload(&config);
    let _held = admission.admit(&applicant(&inside), now).unwrap();
    let Denial::ClientLimit(reached) = denial(admission.admit(&applicant(&inside), now)) else {
        panic!("the node takes one client");
    };
    assert_eq!((reached.scope, reached.limit), (LimitScope::Node, 1));
}

#[test]
fn a_reload_changes_the_networks_and_keeps_the_attempts_that_were_made() {
    let admission = admission(vec![strict()]);
    let (now, inside) = (start(), origin("192.0.2.1"));
    for _ in 0..3 {
        drop(admission.admit(&applicant(&inside), now).unwrap());
    }
    let tenant = admission.directory().find("acme").unwrap();
    assert_eq!(admission.check_network(&tenant, &inside), Ok(()));

    let mut closed = strict();
    closed.network.deny = vec!["192.0.2.1/32".parse().unwrap()];
    let reloaded = admission.reload(&config_of(vec![closed]));
    assert_eq!(reloaded.changed.len(), 1);
    assert!(matches!(
        admission.check_network(&tenant, &inside),
        Err(Denial::Network {
            refusal: NetworkRefusal::AddressDenied,
            ..
        })
    ));
    admission.reload(&config_of(vec![strict()]));
    assert!(matches!(
        denial(admission.admit(&applicant(&inside), now)),
        Denial::Rate(_)
    ));
}

#[test]
fn a_tenant_that_is_gone_admits_nobody_and_leaves_nothing() {
    let admission = admission(vec![strict()]);
    let inside = origin("192.0.2.1");
    let tenant = admission.directory().find("acme").unwrap();
    assert_eq!(admission.check_network(&tenant, &inside), Ok(()));
    assert_eq!(admission.gates.len(), 1);
    let reloaded = admission.reload(&config_of(vec![]));
    assert_eq!(reloaded.removed.len(), 1);
    assert!(matches!(
        admission.check_network(&tenant, &inside),
        Err(Denial::UnknownTenant { .. })
    ));
    drop(admission.gates.of(&tenant));
    assert_eq!(admission.gates.len(), 0);
}

#[test]
fn a_private_endpoint_of_the_header_is_what_decides() {
    let mut tenant = strict();
    tenant.network.private_endpoints = PrivateEndpoint::new(Cloud::Gcp, "7").map(|id| vec![id]);
    let admission = admission(vec![tenant]);
    let through = |cloud, id| {
        Origin::proxied(
            PeerAddress::from_socket("10.0.0.1:1".parse().unwrap()),
            "10.9.9.9:1".parse().unwrap(),
            PrivateEndpoint::new(cloud, id),
            None,
        )
    };
    let listed = through(Cloud::Gcp, "7");
    assert!(admission.admit(&applicant(&listed), start()).is_ok());
    let other = through(Cloud::Azure, "7");
    let refused = denial(admission.admit(&applicant(&other), start()));
    assert!(matches!(
        refused,
        Denial::Network {
            refusal: NetworkRefusal::EndpointNotListed,
            ..
        }
    ));
}
