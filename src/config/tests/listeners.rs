//! Listeners: addresses, PROXY, and how clients prove who they are.

use crate::config::ListenAddress;
use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::listener_mistakes;
use crate::config::tests::mistakes;
use crate::config::tests::warnings;

fn at(address: &str, lines: &str) -> String {
    format!("[[listener]]\nname = \"main\"\naddress = \"{address}\"\n{lines}\n{TENANT}")
}

#[test]
fn addresses_are_tcp_or_the_path_of_a_unix_socket() {
    let address = |text: &str| config(&at(text, "")).listeners[0].address.clone();
    for tcp in ["127.0.0.1:6432", "[::]:6432", "0.0.0.0:0"] {
        assert_eq!(
            address(tcp),
            ListenAddress::Tcp(tcp.parse().expect("an address"))
        );
    }
    assert_eq!(
        address("/run/tidegate/.s.PGSQL.6432"),
        ListenAddress::Unix {
            path: "/run/tidegate/.s.PGSQL.6432".into(),
            mode: 0o777
        }
    );
}

#[test]
fn what_is_no_address_is_refused() {
    let long = format!("/{}", "x".repeat(107));
    for address in [
        "",
        "6432",
        ":6432",
        "*:6432",
        "localhost:6432",
        "127.0.0.1",
        "::1:6432x",
        "127.0.0.01:1",
        "127.0.0.1:65536",
        &long,
    ] {
        assert_eq!(mistakes(&at(address, "")).len(), 1, "{address}");
    }
}

#[test]
fn a_unix_socket_has_the_permissions_that_are_written_in_octal() {
    for (written, expected) in [("\"0770\"", 0o770), ("\"600\"", 0o600), ("0o640", 0o640)] {
        let config = config(&at("/tmp/s", &format!("unix_socket_mode = {written}")));
        let ListenAddress::Unix { mode, .. } = config.listeners[0].address else {
            panic!("{:?}", config.listeners[0].address)
        };
        assert_eq!(mode, expected, "{written}");
    }
    for wrong in [
        "770", "\"888\"", "\"1777\"", "\"\"", "\"+7\"", "\"rwx\"", "0x1ff",
    ] {
        assert_eq!(
            mistakes(&at("/tmp/s", &format!("unix_socket_mode = {wrong}"))).len(),
            1,
            "{wrong}"
        );
    }
}

#[test]
fn proxy_protocol_is_never_guessed() {
    assert_eq!(
        listener_mistakes("proxy_protocol = \"auto\""),
        ["4:18: listener.proxy_protocol: unknown value \"auto\" (off, v1, v2, v1+v2)"]
    );
}

#[test]
fn proxy_protocol_without_trusted_proxies_is_refused() {
    for version in ["v1", "v2", "v1+v2"] {
        let absent = listener_mistakes(&format!("proxy_protocol = \"{version}\""));
        assert_eq!(absent.len(), 1);
        assert!(absent[0].starts_with("4:1: listener.proxy_protocol: trusted_proxies is required"));
        let empty = listener_mistakes(&format!(
            "proxy_protocol = \"{version}\"\ntrusted_proxies = []"
        ));
        assert_eq!(empty.len(), 1);
        assert!(empty[0].starts_with("5:1: listener.trusted_proxies: no proxy is trusted"));
        let given = format!("proxy_protocol = \"{version}\"\ntrusted_proxies = [\"10.0.0.0/8\"]");
        assert_eq!(listener_mistakes(&given), [""; 0]);
    }
}

#[test]
fn proxy_trusted_list_typo_refuses_start() {
    let found = listener_mistakes(
        "proxy_protocol = \"v2\"\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.256\"]",
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("5:34: listener.trusted_proxies: \"10.0.0.256\""),
        "{found:#?}"
    );
}

#[test]
fn a_unix_socket_needs_no_trusted_proxies() {
    assert_eq!(mistakes(&at("/tmp/s", "proxy_protocol = \"v2\"")), [""; 0]);
}

#[test]
fn trusted_proxies_that_do_nothing_are_warned_of() {
    let lines = "trusted_proxies = [\"10.0.0.0/8\"]";
    assert_eq!(warnings(&at("127.0.0.1:1", lines)).len(), 1);
    assert_eq!(
        warnings(&at("/tmp/s", &format!("proxy_protocol = \"v1\"\n{lines}"))).len(),
        1
    );
}

#[test]
fn trust_off_this_machine_is_warned_of() {
    let trust = "auth_type = \"trust\"";
    for local in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "/tmp/s"] {
        assert_eq!(warnings(&at(local, trust)), [""; 0], "{local}");
    }
    for public in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
        let found = warnings(&at(public, trust));
        assert_eq!(found.len(), 1, "{public}");
        assert!(found[0].contains("trust lets everybody in"), "{found:#?}");
    }
}

#[test]
fn certificates_as_proof_need_an_authority_that_signs_them() {
    let found = listener_mistakes("auth_type = \"cert\"");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("cert needs tls_client_ca"), "{found:#?}");
    let sample = Sample::default().with_certificate("/etc/ca.crt", "/etc/ca.key");
    let lines = "auth_type = \"cert\"\ntls_client_ca = \"ca.crt\"";
    let found = sample.mistakes(&at("127.0.0.1:1", lines));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("cert needs tls_client_certificate"),
        "{found:#?}"
    );
}

#[test]
fn passwords_as_they_are_need_tls() {
    let found = listener_mistakes("auth_type = \"plain\"");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("needs tls"), "{found:#?}");
}

#[test]
fn a_default_tenant_that_is_not_there_is_refused() {
    assert_eq!(
        listener_mistakes("default_tenant = \"acne\""),
        ["4:1: listener.default_tenant: there is no tenant \"acne\"; did you mean `acme`?"]
    );
    assert_eq!(listener_mistakes("default_tenant = \"acme\""), [""; 0]);
}

#[test]
fn two_listeners_differ_in_name_and_address() {
    let other = LISTENER.replace("6432", "6433");
    assert_eq!(
        mistakes(&format!("{LISTENER}{other}{TENANT}")),
        ["5:1: listener.name: the listener \"main\" is already defined at 2:1"]
    );
    let other = LISTENER.replace("main", "other");
    let found = mistakes(&format!("{LISTENER}{other}{TENANT}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("6:1: listener.address: the address \"127.0.0.1:6432\" is already")
    );
}
