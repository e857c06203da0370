//! Every refusal has a code, a counter and three sentences, and two of them are one.

use std::collections::HashSet;

use tidegate_proto::proxy::Cloud;

use super::*;
use crate::restrictions::RateScope;
use crate::tenancy::LimitScope;
use crate::tenancy::NamedBy;
use crate::tenancy::Side;

const BOTH: [Refusals; 2] = [Refusals::Named, Refusals::Opaque];

fn seen() -> Seen {
    Seen {
        client: ClientAddress::from_proxy_source("203.0.113.7:5432".parse().unwrap()),
        private_endpoint: None,
    }
}

fn unknown() -> Denial {
    Denial::UnknownTenant {
        tenant: "acme".into(),
        seen: seen(),
    }
}

fn network(refusal: NetworkRefusal) -> Denial {
    Denial::Network {
        tenant: "acme".into(),
        seen: seen(),
        refusal,
    }
}

fn authentication() -> Denial {
    Denial::Authentication {
        user: "app".into(),
        seen: seen(),
    }
}

fn every_denial() -> Vec<Denial> {
    let mut all = vec![
        unknown(),
        network(NetworkRefusal::AddressDenied),
        network(NetworkRefusal::AddressNotAllowed),
        network(NetworkRefusal::EndpointNotListed),
        Denial::TlsRequired,
        authentication(),
        Denial::Throttled {
            seen: seen(),
            throttled: Throttled {
                retry_after: Duration::from_millis(1500),
            },
        },
        Denial::Backlog(BacklogFull::InAll),
        Denial::Backlog(BacklogFull::ByAddress),
    ];
    all.extend(
        [
            ResolveError::Unnamed,
            ResolveError::NoName(NamedBy::Options),
            ResolveError::Disagreement(NamedBy::User, NamedBy::ServerName),
            ResolveError::Disagreement(NamedBy::Options, NamedBy::Options),
            ResolveError::NoUser,
        ]
        .map(Denial::from),
    );
    all.extend(
        [LimitScope::User, LimitScope::Tenant, LimitScope::Node].map(|scope| {
            Denial::from(LimitReached {
                scope,
                side: Side::Client,
                limit: 20,
            })
        }),
    );
    all.extend([RateScope::User, RateScope::Tenant].map(|scope| {
        Denial::from(RateReached {
            scope,
            retry_after: Duration::from_millis(1),
        })
    }));
    all
}

#[test]
fn every_denial_has_a_code_a_counter_and_three_sentences() {
    for denial in every_denial() {
        for refusals in BOTH {
            let report = denial.report(refusals);
            let case = format!("{report:?}");
            assert!(
                !report.message.is_empty() && !report.message.ends_with('.'),
                "{case}"
            );
            assert!(
                report
                    .message
                    .starts_with(|first: char| !first.is_uppercase())
                    || report.message.starts_with("TLS"),
                "{case}"
            );
            for sentence in [&report.detail, &report.hint] {
                assert!(sentence.ends_with('.') && sentence.len() > 20, "{case}");
                assert!(!sentence.contains("  "), "{case}");
            }
            assert!(
                ["28000", "28P01", "53300"].contains(&report.sqlstate.as_str()),
                "{case}"
            );
        }
        assert!(!denial.reason().label().is_empty());
        assert_eq!(
            denial.fault() == Fault::Pooler,
            denial.sqlstate().as_str() == "53300" && !matches!(denial, Denial::Throttled { .. })
        );
    }
}

#[test]
fn an_unknown_tenant_and_a_blocked_network_are_told_with_the_very_same_words() {
    for refusal in [
        NetworkRefusal::AddressDenied,
        NetworkRefusal::AddressNotAllowed,
        NetworkRefusal::EndpointNotListed,
    ] {
        for refusals in BOTH {
            assert_eq!(
                unknown().disposition(refusals),
                network(refusal).disposition(refusals)
            );
        }
        assert_ne!(unknown().reason(), network(refusal).reason());
    }
}

#[test]
fn the_refusal_names_the_address_that_was_seen_and_the_private_endpoint() {
    let Disposition::Tell(report) = unknown().disposition(Refusals::Named) else {
        panic!("a named refusal is told");
    };
    assert_eq!(report.sqlstate.as_str(), "28000");
    assert_eq!(
        report.message,
        "tenant \"acme\" admits no connection from 203.0.113.7"
    );

    let endpoint = PrivateEndpoint::new(Cloud::Aws, "vpce-1");
    let denial = Denial::UnknownTenant {
        tenant: "acme".into(),
        seen: Seen {
            private_endpoint: endpoint,
            ..seen()
        },
    };
    assert!(denial.report(Refusals::Named).detail.contains("aws:vpce-1"));
}

#[test]
fn an_opaque_refusal_is_a_doomed_authentication_for_these_two_only() {
    for denial in every_denial() {
        let is_doomed = denial.disposition(Refusals::Opaque) == Disposition::DoomedAuthentication;
        let is_secret = matches!(
            denial,
            Denial::UnknownTenant { .. } | Denial::Network { .. }
        );
        assert_eq!(is_doomed, is_secret, "{denial:?}");
        assert!(matches!(
            denial.disposition(Refusals::Named),
            Disposition::Tell(_)
        ));
    }
}

#[test]
fn an_authentication_that_failed_says_neither_user_nor_password() {
    let report = authentication().report(Refusals::Named);
    assert_eq!(report.sqlstate.as_str(), "28P01");
    assert_eq!(
        report.message,
        "password authentication failed for user \"app\""
    );
    let opaque = authentication().report(Refusals::Opaque);
    assert_eq!(opaque.message, report.message);
    assert!(opaque.detail.contains("203.0.113.7"));
}

#[test]
fn a_wait_is_told_in_seconds_that_suffice() {
    let hint = |milliseconds| {
        let throttled = Throttled {
            retry_after: Duration::from_millis(milliseconds),
        };
        let denial = Denial::Throttled {
            seen: seen(),
            throttled,
        };
        assert_eq!(denial.retry_after(), Some(throttled.retry_after));
        denial.report(Refusals::Named).hint
    };
    assert!(hint(0).contains(" 1 second,"));
    assert!(hint(1000).contains(" 1 second,"));
    assert!(hint(1001).contains(" 2 seconds,"));
}

#[test]
fn counters_tell_what_the_client_is_not_told() {
    let labels: HashSet<_> = every_denial()
        .iter()
        .map(|denial| denial.reason().label())
        .collect();
    assert_eq!(labels.len(), 11);
}
