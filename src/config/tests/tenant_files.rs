//! The folder of tenant files.

use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;

const MAIN: &str = "[node]\ninclude_tenants = \"tenants\"\n";
const FILE: &str = "[[endpoint]]\nhost = \"127.0.0.1\"\n[network]\nallow = [\"10.0.0.0/8\"]\n[[user]]\nname = \"app\"\n";

fn tenant(name: &str) -> String {
    format!("name = \"{name}\"\n{FILE}")
}

#[test]
fn each_file_is_a_tenant() {
    let sample = Sample::default()
        .with_file("/etc/tenants/b.toml", &tenant("beta"))
        .with_file("/etc/tenants/a.toml", &tenant("alpha"));
    let config = sample.config(
        &format!("{MAIN}pool_size = 3\n{LISTENER}{TENANT}")
            .replace("pool_size = 3", "[pool]\npool_size = 3"),
    );
    let names: Vec<&str> = config.tenants.keys().map(String::as_str).collect();
    assert_eq!(names, ["acme", "alpha", "beta"]);
    let alpha = &config.tenants["alpha"];
    assert_eq!(alpha.users["app"].pool.pool_size, 3);
    assert_eq!(alpha.network.allow.as_ref().map(Vec::len), Some(1));
}

#[test]
fn a_default_tenant_may_be_in_a_file() {
    let sample = Sample::default().with_file("/etc/tenants/a.toml", &tenant("alpha"));
    sample.config(&format!("{MAIN}{LISTENER}default_tenant = \"alpha\"\n"));
}

#[test]
fn a_tenant_in_two_files_is_told_with_both() {
    let sample = Sample::default()
        .with_file("/etc/tenants/a.toml", &tenant("alpha"))
        .with_file("/etc/tenants/b.toml", &tenant("alpha"))
        .with_file("/etc/tenants/c.toml", &tenant("acme"));
    assert_eq!(
        sample.mistakes(&format!("{MAIN}{LISTENER}{TENANT}")),
        [
            "/etc/tenants/b.toml:1:1: tenant.name: the tenant \"alpha\" is already defined at /etc/tenants/a.toml:1:1",
            "/etc/tenants/c.toml:1:1: tenant.name: the tenant \"acme\" is already defined at 7:1",
        ]
    );
}

#[test]
fn mistakes_of_all_files_are_told_at_once() {
    let sample = Sample::default()
        .with_file(
            "/etc/tenants/a.toml",
            &tenant("alpha").replace("10.0.0.0/8", "10.0.0.1/8"),
        )
        .with_file(
            "/etc/tenants/b.toml",
            &tenant("beta").replace("host", "hots"),
        );
    let found = sample.mistakes(&format!("{MAIN}workers = -1\n{LISTENER}"));
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("3:11: node.workers"));
    assert!(found[1].starts_with("/etc/tenants/a.toml:5:10: tenant.network.allow"));
    assert!(found[2].starts_with("/etc/tenants/b.toml:2:1: tenant.endpoint.host: required"));
    assert!(found[3].starts_with(
        "/etc/tenants/b.toml:3:1: tenant.endpoint.hots: unknown key; did you mean `host`?"
    ));
}

#[test]
fn other_and_hidden_files_are_left_alone() {
    let sample = Sample::default()
        .with_file("/etc/tenants/a.toml", &tenant("alpha"))
        .with_file("/etc/tenants/.a.toml", "not a tenant")
        .with_file("/etc/tenants/a.toml~", "not a tenant")
        .with_file("/etc/tenants/README", "not a tenant");
    assert_eq!(sample.config(&format!("{MAIN}{LISTENER}")).tenants.len(), 1);
}

#[test]
fn a_folder_that_cannot_be_read_refuses_the_configuration() {
    assert_eq!(
        Sample::default().mistakes(&format!("{MAIN}{LISTENER}{TENANT}")),
        ["2:1: node.include_tenants: cannot read /etc/tenants: entity not found"]
    );
}

#[test]
fn paths_in_a_tenant_file_are_relative_to_it() {
    let sample = Sample::default()
        .with_file(
            "/etc/tenants/a.toml",
            &format!("{}secret = {{ file = \"app.secret\" }}\n", tenant("alpha")),
        )
        .with_file("/etc/tenants/app.secret", "x\n");
    let config = sample.config(&format!("{MAIN}{LISTENER}"));
    assert!(config.tenants["alpha"].users["app"].secret.is_some());
}

#[test]
fn a_file_written_as_in_the_main_file_is_told_how() {
    let sample = Sample::default().with_file("/etc/tenants/a.toml", TENANT);
    let found = sample.mistakes(&format!("{MAIN}{LISTENER}"));
    let told = "tenant.tenant: unknown key; a tenant's own file is written without [[tenant]]";
    assert!(found.iter().any(|line| line.contains(told)), "{found:#?}");
}
