//! Networks of tenants, and the promise that a broken list is never a smaller one.

use proptest::prelude::*;

use crate::config::parse;
use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::tenant_mistakes;

fn allow(list: &str) -> String {
    format!("{LISTENER}{TENANT}[tenant.network]\n{list}\n")
}

#[test]
fn unset_empty_and_given_are_three_states() {
    let network = |lines: &str| config(&allow(lines)).tenants["acme"].network.clone();
    assert_eq!(network("").allow, None);
    assert_eq!(network("allow = []").allow, Some(Vec::new()));
    let given = network("allow = [\"10.0.0.0/8\", \"::ffff:192.0.2.1\", \"2001:db8::/32\"]").allow;
    let given: Vec<String> = given
        .expect("a list")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(given, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]);
    assert_eq!(network("deny = [\"10.1.0.0/16\"]").deny.len(), 1);
}

#[test]
fn every_broken_entry_is_told_at_its_own_place() {
    assert_eq!(
        tenant_mistakes(
            "[tenant.network]\nallow = [\"10.0.0.0/8\", \"10.0.0.1/8\",\n  \"010.0.0.1\", 7]"
        ),
        [
            "9:24: tenant.network.allow: \"10.0.0.1/8\": bits are set beyond the prefix length; write 10.0.0.0/8, or the address alone if only that is meant",
            "10:3: tenant.network.allow: \"010.0.0.1\": numbers with leading zeros mean different things to different programs",
            "10:16: tenant.network.allow: expected an address or a network in quotes, such as \"10.0.0.0/8\", found a whole number",
        ]
    );
}

#[test]
fn a_list_is_never_one_text() {
    assert_eq!(
        tenant_mistakes("[tenant.network]\nallow = \"10.0.0.0/8\"").len(),
        1
    );
}

#[test]
fn private_endpoints_are_pairs_of_cloud_and_id() {
    let network = |list: &str| {
        config(&allow(&format!("private_endpoints = {list}"))).tenants["acme"]
            .network
            .clone()
    };
    assert_eq!(
        config(&allow("")).tenants["acme"].network.private_endpoints,
        None
    );
    assert_eq!(network("[]").private_endpoints, Some(Vec::new()));
    let listed =
        network("[{ cloud = \"aws\", id = \"vpce-1\" }, { cloud = \"azure\", id = \"123\" }]");
    let listed: Vec<String> = listed
        .private_endpoints
        .expect("a list")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(listed, ["aws:vpce-1", "azure:123"]);
}

#[test]
fn a_private_endpoint_that_no_header_could_name_is_refused() {
    for entry in [
        "{ cloud = \"aws\" }",
        "{ id = \"vpce-1\" }",
        "{ cloud = \"aws\", id = \"\" }",
        "{ cloud = \"azure\", id = \"vpce-1\" }",
        "{ cloud = \"azure\", id = \"0123\" }",
        "{ cloud = \"gcp\", id = \"18446744073709551616\" }",
        "{ cloud = \"oracle\", id = \"1\" }",
        "{ cloud = \"aws\", id = \"vpce-1\", region = \"eu\" }",
        "\"vpce-1\"",
    ] {
        let found = tenant_mistakes(&format!("[tenant.network]\nprivate_endpoints = [{entry}]"));
        assert_eq!(found.len(), 1, "{entry}: {found:#?}");
    }
}

proptest! {
    #[test]
    fn a_list_has_every_entry_or_there_is_no_configuration(
        entries in proptest::collection::vec(
            "([0-9]{1,3}\\.){3}[0-9]{1,3}(/[0-9]{1,2})?|[0-9a-f:]{2,20}(/[0-9]{1,3})?|\\PC{0,6}",
            0..8,
        )
    ) {
        let list = toml::Value::from(entries.clone()).to_string();
        if let Ok(loaded) = parse(&allow(&format!("allow = {list}\ndeny = {list}"))) {
            let network = &loaded.config.tenants["acme"].network;
            prop_assert_eq!(network.allow.as_ref().map(Vec::len), Some(entries.len()));
            prop_assert_eq!(network.deny.len(), entries.len());
        }
    }
}
