//! Endpoints and their hosts.

use crate::config::Host;
use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::mistakes;
use crate::config::tests::tenant_mistakes;
use crate::config::tests::warnings;

fn host(text: &str) -> Host {
    let tenant = TENANT.replace("127.0.0.1", text);
    config(&format!("{LISTENER}{tenant}")).tenants["acme"].endpoints[0]
        .host
        .clone()
}

#[test]
fn a_host_is_a_name_an_address_or_a_path() {
    assert_eq!(
        host("DB-1.example.com"),
        Host::Name("db-1.example.com".to_owned())
    );
    assert_eq!(host("db_1"), Host::Name("db_1".to_owned()));
    assert_eq!(host("::ffff:10.0.0.1"), Host::Address([10, 0, 0, 1].into()));
    assert_eq!(
        host("/run/postgresql"),
        Host::Unix("/run/postgresql".into())
    );
}

#[test]
fn what_some_resolver_takes_for_an_address_is_no_name() {
    for hostile in [
        "0x7f.1",
        "127.1",
        "2130706433",
        "010.0.0.1",
        "0177.0.0.1",
        "1.2.3.4.5",
        "127.0.0.1.",
        "a.0x10",
    ] {
        assert_eq!(
            mistakes(&format!(
                "{LISTENER}{}",
                TENANT.replace("127.0.0.1", hostile)
            ))
            .len(),
            1,
            "{hostile}"
        );
    }
}

#[test]
fn a_host_has_no_port_brackets_or_spaces() {
    for wrong in [
        "",
        "db:5432",
        "[::1]",
        "db example",
        "-db",
        "db-",
        "a..b",
        "postgres://db",
        "d\u{f6}",
    ] {
        assert_eq!(
            mistakes(&format!("{LISTENER}{}", TENANT.replace("127.0.0.1", wrong))).len(),
            1,
            "{wrong}"
        );
    }
}

#[test]
fn an_endpoint_without_a_name_is_called_by_host_and_port() {
    let text = format!("{LISTENER}{TENANT}[[tenant.endpoint]]\nhost = \"::1\"\nport = 5433\n");
    let config = config(&text);
    let names: Vec<&str> = config.tenants["acme"]
        .endpoints
        .iter()
        .map(|endpoint| &*endpoint.name)
        .collect();
    assert_eq!(names, ["127.0.0.1:5432", "[::1]:5433"]);
}

#[test]
fn two_endpoints_differ_in_name() {
    let found = tenant_mistakes("[[tenant.endpoint]]\nhost = \"127.0.0.1\"");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("the endpoint \"127.0.0.1:5432\" is already defined at"),
        "{found:#?}"
    );
}

#[test]
fn a_tenant_without_an_endpoint_is_refused() {
    let found = mistakes(&format!("{LISTENER}[[tenant]]\nname = \"acme\"\n"));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("4:1: tenant.endpoint: required"),
        "{found:#?}"
    );
}

#[test]
fn a_tenant_of_replicas_only_is_warned_of() {
    let text = format!("{LISTENER}{TENANT}role = \"replica\"\n");
    assert_eq!(warnings(&text).len(), 1);
    assert_eq!(warnings(&text.replace("replica", "auto")), [""; 0]);
}

#[test]
fn an_endpoint_keeps_no_more_servers_ready_than_it_takes() {
    let found = tenant_mistakes("pool_size = 2\nmin_pool_size = 3");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("min_pool_size 3 exceeds pool_size 2"),
        "{found:#?}"
    );
    assert_eq!(
        tenant_mistakes("pool_size = 0\nmin_pool_size = 3"),
        [""; 0],
        "0 is no limit"
    );
}
