//! What a reload changes, in words.

use std::sync::Arc;

use crate::config::Changes;
use crate::config::Config;
use crate::config::reload::reload;
use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::config;

const USER: &str = "[[tenant.user]]\nname = \"app\"\nsecret = \"canary-1\"\n";

fn reloaded(before: &str, after: &str) -> (Config, Changes) {
    reload(&config(before), config(after))
}

fn applied(before: &str, after: &str) -> Vec<String> {
    let (_, changes) = reloaded(
        &format!("{LISTENER}{before}"),
        &format!("{LISTENER}{after}"),
    );
    assert_eq!(changes.needs_restart, [""; 0]);
    changes.applied
}

#[test]
fn the_same_file_changes_nothing_and_keeps_every_arc() {
    let text = format!("{LISTENER}{TENANT}{USER}");
    let running = config(&text);
    let (next, changes) = reload(&running, config(&text));
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(next, running);
    assert!(Arc::ptr_eq(&next.listeners[0], &running.listeners[0]));
    assert!(Arc::ptr_eq(&next.tenants["acme"], &running.tenants["acme"]));
}

#[test]
fn a_changed_network_is_named_by_its_tenant() {
    let list = |list: &str| format!("{TENANT}[tenant.network]\nallow = {list}\n");
    assert_eq!(applied(TENANT, &list("[]")), ["tenant acme: network.allow"]);
    assert_eq!(
        applied(&list("[]"), &list("[\"10.0.0.0/8\"]")),
        ["tenant acme: network.allow"]
    );
    let deny = format!("{TENANT}[tenant.network]\ndeny = [\"10.0.0.1\"]\nprivate_endpoints = []\n");
    assert_eq!(
        applied(TENANT, &deny),
        [
            "tenant acme: network.deny",
            "tenant acme: network.private_endpoints"
        ]
    );
}

#[test]
fn tenants_come_and_go() {
    let other = TENANT.replace("acme", "other");
    assert_eq!(
        applied(TENANT, &other),
        ["tenant acme: removed", "tenant other: added"]
    );
}

#[test]
fn what_changed_within_a_tenant_is_named_and_the_rest_keeps_its_arc() {
    let before = format!("{LISTENER}{TENANT}{USER}[[tenant.user]]\nname = \"gone\"\n");
    let after = format!(
        "{LISTENER}{}{}[[tenant.user]]\nname = \"new\"\n[tenant.databases]\na = \"b\"\n[tenant.auth_query]\nuser = \"a\"\nsecret = \"b\"\n",
        TENANT.replace(
            "[[tenant.endpoint]]",
            "max_client_conn = 5\n[[tenant.endpoint]]\nname = \"one\"\nregion = \"eu\""
        ),
        USER.replace("canary-1", "canary-2\"\npool_size = 3\nname2 = \"")
            .replace("\nname2 = \"\"", ""),
    );
    let (next, changes) = reloaded(&before, &after);
    assert_eq!(
        changes.applied,
        [
            "tenant acme: max_client_conn",
            "tenant acme: auth_query added",
            "tenant acme: databases",
            "tenant acme: endpoint 127.0.0.1:5432 removed",
            "tenant acme: endpoint one added",
            "tenant acme: user gone removed",
            "tenant acme: user app: secret",
            "tenant acme: user app: pool_size",
            "tenant acme: user new added",
        ]
    );
    assert_eq!(next, config(&after));
}

#[test]
fn an_endpoint_that_did_not_change_keeps_its_arc() {
    let running = config(&format!("{LISTENER}{TENANT}{USER}"));
    let (next, changes) = reload(
        &running,
        config(&format!(
            "{LISTENER}{TENANT}[tenant.network]\nallow = []\n{USER}"
        )),
    );
    assert_eq!(changes.applied, ["tenant acme: network.allow"]);
    let (old, new) = (&running.tenants["acme"], &next.tenants["acme"]);
    assert!(!Arc::ptr_eq(old, new));
    assert!(Arc::ptr_eq(&old.endpoints[0], &new.endpoints[0]));
    assert!(Arc::ptr_eq(&old.users["app"], &new.users["app"]));
}

#[test]
fn tls_of_an_endpoint_and_the_order_of_endpoints_are_changes() {
    let tls = TENANT.replace(
        "127.0.0.1\"",
        "127.0.0.1\"\nserver_tls = { mode = \"require\" }",
    );
    assert_eq!(
        applied(TENANT, &tls),
        ["tenant acme: endpoint 127.0.0.1:5432: server_tls"]
    );
    let two = |one: &str, other: &str| {
        format!(
            "[[tenant]]\nname = \"acme\"\n[[tenant.endpoint]]\nhost = \"{one}\"\n[[tenant.endpoint]]\nhost = \"{other}\"\n"
        )
    };
    assert_eq!(
        applied(&two("a", "b"), &two("b", "a")),
        ["tenant acme: order of endpoints"]
    );
}

#[test]
fn settings_of_the_node_the_pool_and_the_console_are_named() {
    let after = format!(
        "[node]\nmax_client_conn = 5\n[log]\nlevel = \"debug\"\n[pool]\npool_size = 3\nmax_db_connections = 4\n[console]\n{LISTENER}{TENANT}"
    );
    let (_, changes) = reloaded(&format!("{LISTENER}{TENANT}"), &after);
    assert_eq!(
        changes.applied,
        [
            "node: max_client_conn",
            "log: level",
            "pool: pool_size",
            "pool: max_db_connections",
            "console: added",
            "tenant acme: max_db_connections",
            "tenant acme: pool_size"
        ]
    );
}

#[test]
fn the_terms_of_a_listener_change_in_place() {
    let before = format!("{LISTENER}{TENANT}");
    let after =
        format!("{LISTENER}proxy_protocol = \"v2\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n{TENANT}");
    let (next, changes) = reloaded(&before, &after);
    assert_eq!(
        changes.applied,
        [
            "listener main: proxy_protocol",
            "listener main: trusted_proxies"
        ]
    );
    assert_eq!(next, config(&after));
}
