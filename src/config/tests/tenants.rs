//! Tenants, their users, databases and lookups.

use crate::config::Rate;
use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::mistakes;
use crate::config::tests::tenant_mistakes;

#[test]
fn a_tenant_can_be_called_by_a_label_of_a_host_name() {
    for name in ["a", "acme-1", "a_b", "7", &"x".repeat(63)] {
        let tenant = TENANT.replace("acme", name);
        assert_eq!(mistakes(&format!("{LISTENER}{tenant}")), [""; 0], "{name}");
    }
    for name in [
        "",
        "Acme",
        "a.b",
        "-a",
        "a-",
        "a b",
        "\u{e9}",
        &"x".repeat(64),
    ] {
        let tenant = TENANT.replace("acme", name);
        assert_eq!(mistakes(&format!("{LISTENER}{tenant}")).len(), 1, "{name}");
    }
}

#[test]
fn two_tenants_or_two_users_of_one_name_are_refused() {
    let found = mistakes(&format!("{LISTENER}{TENANT}{TENANT}"));
    assert_eq!(
        found,
        ["9:1: tenant.name: the tenant \"acme\" is already defined at 5:1"]
    );
    let user = "[[tenant.user]]\nname = \"app\"\n";
    let found = tenant_mistakes(&format!("{user}{user}"));
    assert_eq!(
        found,
        ["11:1: tenant.user.name: the user \"app\" is already defined at 9:1"]
    );
}

#[test]
fn names_of_users_can_be_shown() {
    for wrong in ["", "a\\nb", "\\u0000", &"x".repeat(128)] {
        let found = tenant_mistakes(&format!("[[tenant.user]]\nname = \"{wrong}\""));
        assert_eq!(found.len(), 1, "{wrong}: {found:#?}");
    }
    assert_eq!(
        tenant_mistakes("[[tenant.user]]\nname = \"J\u{f6}rg the \\\"DBA\\\"\""),
        [""; 0]
    );
}

#[test]
fn trust_is_for_a_listener_to_give() {
    let tenant = TENANT.replace(
        "[[tenant.endpoint]]",
        "auth_type = \"trust\"\n[[tenant.endpoint]]",
    );
    let found = mistakes(&format!("{LISTENER}{tenant}"));
    assert_eq!(
        found,
        ["6:1: tenant.auth_type: trust is for a listener to give; set it in [[listener]]"]
    );
}

#[test]
fn a_tenant_asks_for_nothing_that_no_listener_offers() {
    for line in ["tls_required = true", "auth_type = \"cert\""] {
        let tenant = TENANT.replace(
            "[[tenant.endpoint]]",
            &format!("{line}\n[[tenant.endpoint]]"),
        );
        let found = mistakes(&format!("{LISTENER}{tenant}"));
        assert_eq!(found.len(), 1, "{line}: {found:#?}");
        assert!(found[0].contains("no listener"), "{found:#?}");
        let sample = Sample::default().with_certificate("/etc/a.crt", "/etc/a.key");
        let terms = "tls = \"allow\"\ntls_certificates = [{ certificate = \"a.crt\", key = \"a.key\" }]\n\
                     tls_client_certificate = \"optional\"\ntls_client_ca = \"a.crt\"\n";
        assert_eq!(
            sample.mistakes(&format!("{LISTENER}{terms}{tenant}")),
            [""; 0]
        );
    }
}

#[test]
fn databases_are_any_or_those_that_are_named() {
    let databases = |lines: &str| {
        config(&format!("{LISTENER}{TENANT}{lines}")).tenants["acme"]
            .databases
            .clone()
    };
    assert_eq!(databases(""), None);
    assert_eq!(
        databases("[tenant.databases]\n").map(|named| named.len()),
        Some(0)
    );
    let named = databases("[tenant.databases]\napp = \"app_v2\"\n\"my db\" = \"x\"\n");
    assert_eq!(named.expect("named")["app"], "app_v2");
}

#[test]
fn the_databases_of_the_console_cannot_be_a_tenants() {
    for name in ["pgbouncer", "tidegate"] {
        let found = tenant_mistakes(&format!("[tenant.databases]\n{name} = \"x\""));
        assert_eq!(found.len(), 1, "{found:#?}");
    }
    assert_eq!(tenant_mistakes("[tenant.databases]\na = \"\"").len(), 1);
    assert_eq!(tenant_mistakes("[tenant.databases]\na = 5").len(), 1);
}

#[test]
fn a_rate_is_a_number_a_second_and_a_burst() {
    let rate = |written: &str| {
        let user = format!("[[tenant.user]]\nname = \"app\"\nconnection_rate = {written}\n");
        config(&format!("{LISTENER}{TENANT}{user}")).tenants["acme"].users["app"].connection_rate
    };
    assert_eq!(
        rate("{ per_second = 10, burst = 20 }"),
        Rate {
            per_second: 10,
            burst: 20
        }
    );
    assert_eq!(
        rate("{ per_second = 10 }"),
        Rate {
            per_second: 10,
            burst: 10
        }
    );
    assert!(rate("{ per_second = 0 }").is_unlimited());
    for wrong in [
        "10",
        "{ burst = 10 }",
        "{ per_second = 10, burst = 0 }",
        "{ per_second = 1, bursts = 2 }",
    ] {
        let user = format!("[[tenant.user]]\nname = \"app\"\nconnection_rate = {wrong}");
        assert_eq!(tenant_mistakes(&user).len(), 1, "{wrong}");
    }
}

#[test]
fn a_lookup_needs_a_user_a_secret_and_the_name_to_look_up() {
    let found = tenant_mistakes("[tenant.auth_query]\nquery = \"SELECT 1\"");
    assert_eq!(found.len(), 3, "{found:#?}");
    let whole = "[tenant.auth_query]\nuser = \"auth\"\nsecret = \"x\"";
    assert_eq!(tenant_mistakes(whole), [""; 0]);
    let query = &config(&format!("{LISTENER}{TENANT}{whole}\n")).tenants["acme"].auth_query;
    let query = &query.as_ref().expect("a lookup").query;
    // A search path that a tenant can set must not choose the tables or functions.
    assert!(query.contains("pg_catalog.pg_authid") && query.contains("pg_catalog.now()"));
}
