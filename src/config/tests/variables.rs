//! Environment variables in values.

use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;

#[test]
fn variables_are_put_into_texts_addresses_and_lists() {
    let text = format!(
        "[[listener]]\nname = \"main\"\naddress = \"${{BIND:-127.0.0.1}}:${{PORT}}\"\n{TENANT}[tenant.network]\nallow = [\"${{NET}}\"]\n"
    );
    let sample = Sample::default()
        .with_variable("PORT", "7000")
        .with_variable("NET", "10.0.0.0/8");
    let config = sample.config(&text);
    assert_eq!(
        format!("{:?}", config.listeners[0].address),
        "Tcp(127.0.0.1:7000)"
    );
    let allow = config.tenants["acme"]
        .network
        .allow
        .as_ref()
        .expect("a list");
    assert_eq!(allow[0].to_string(), "10.0.0.0/8");
}

#[test]
fn an_unset_variable_refuses_the_configuration() {
    let text = format!("{LISTENER}{TENANT}[tenant.network]\nallow = [\"${{NET}}\"]\n");
    assert_eq!(
        Sample::default().mistakes(&text),
        ["9:10: tenant.network.allow: the environment variable NET is not set"]
    );
}

#[test]
fn what_a_variable_holds_is_never_told() {
    let text = format!(
        "[node]\nrefusals = \"${{WORD}}\"\nmax_client_conn = \"${{WORD}}\"\nclient_login_timeout = \"${{WORD}}\"\n{LISTENER}{TENANT}[tenant.network]\ndeny = [\"${{WORD}}\"]\n"
    );
    let found = Sample::default()
        .with_variable("WORD", "canary")
        .mistakes(&text);
    assert_eq!(found.len(), 4, "{found:#?}");
    for line in found {
        assert!(
            line.contains("${WORD}") && !line.contains("canary"),
            "{line}"
        );
    }
}

#[test]
fn the_region_of_fly_is_taken_if_none_is_given() {
    let plain = format!("{LISTENER}{TENANT}");
    let given = format!("[node]\nregion = \"home\"\n{plain}");
    let fly = || Sample::default().with_variable("FLY_REGION", "ams");
    assert_eq!(fly().config(&plain).node.region, "ams");
    assert_eq!(fly().config(&given).node.region, "home");
    assert_eq!(Sample::default().config(&plain).node.region, "");
}
