//! TLS towards clients and servers, and the files it needs.

use crate::config::ServerTlsMode;
use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::lines;
use crate::config::tests::listener_mistakes;

const CERTIFICATES: &str = "tls_certificates = [{ certificate = \"a.crt\", key = \"a.key\" }]";

fn listener(lines: &str) -> String {
    format!("{LISTENER}{lines}\n{TENANT}")
}

fn signed() -> Sample {
    Sample::default().with_certificate("/etc/a.crt", "/etc/a.key")
}

#[test]
fn tls_without_a_certificate_is_refused() {
    for tls in ["allow", "require"] {
        assert_eq!(
            listener_mistakes(&format!("tls = \"{tls}\"")),
            ["4:1: listener.tls: tls_certificates is required with it"]
        );
        let text = listener(&format!("tls = \"{tls}\"\n{CERTIFICATES}"));
        let config = signed().config(&text);
        let files = &config.listeners[0].tls_certificates[0];
        assert_eq!(files.certificate, std::path::Path::new("/etc/a.crt"));
        assert_eq!(files.key, std::path::Path::new("/etc/a.key"));
    }
}

#[test]
fn files_that_cannot_be_read_are_told_one_by_one() {
    let text = listener(&format!("tls = \"allow\"\n{CERTIFICATES}"));
    let found = Sample::default().mistakes(&text);
    assert_eq!(
        found,
        [
            "5:37: listener.tls_certificates.certificate: cannot read /etc/a.crt: entity not found",
            "5:52: listener.tls_certificates.key: cannot read /etc/a.key: entity not found",
        ]
    );
}

#[test]
fn files_that_hold_something_else_are_refused() {
    let text = listener(&format!("tls = \"allow\"\n{CERTIFICATES}"));
    let found = signed().with_file("/etc/a.crt", "hello").mistakes(&text);
    assert!(
        found
            .iter()
            .any(|line| line.ends_with("/etc/a.crt holds no certificate in PEM"))
    );
    let found = signed().with_file("/etc/a.key", "hello").mistakes(&text);
    assert!(
        found
            .iter()
            .any(|line| line.ends_with("/etc/a.key holds no private key in PEM"))
    );
    let swapped = text
        .replace("a.crt", "b")
        .replace("a.key", "a.crt")
        .replace("\"b\"", "\"a.key\"");
    assert_eq!(signed().mistakes(&swapped).len(), 2);
}

#[test]
fn client_certificates_need_tls_and_an_authority() {
    for policy in ["optional", "require"] {
        let found = listener_mistakes(&format!("tls_client_certificate = \"{policy}\""));
        assert_eq!(found.len(), 2, "{found:#?}");
    }
    let text = listener(&format!(
        "tls = \"require\"\n{CERTIFICATES}\ntls_client_certificate = \"require\"\ntls_client_ca = \"a.crt\"\nauth_type = \"cert\""
    ));
    assert!(
        signed()
            .load(&text)
            .is_ok_and(|loaded| loaded.warnings.is_empty())
    );
}

#[test]
fn what_does_nothing_without_tls_is_warned_of() {
    let text = listener(&format!(
        "{CERTIFICATES}\nsni_suffix = \"db.example.com\"\ntls_client_ca = \"a.crt\""
    ));
    let loaded = signed().load(&text).expect("accepted");
    let found = lines(&loaded.warnings);
    assert_eq!(found.len(), 3, "{found:#?}");
}

#[test]
fn an_sni_suffix_is_a_domain() {
    for wrong in [
        "",
        ".example.com",
        "example.com.",
        "Example.com",
        "a..b",
        "*.example.com",
    ] {
        assert_eq!(
            listener_mistakes(&format!("sni_suffix = \"{wrong}\"")).len(),
            1,
            "{wrong}"
        );
    }
}

#[test]
fn servers_are_verified_in_full_unless_they_are_on_this_machine() {
    let mode = |host: &str| {
        let tenant = TENANT.replace("127.0.0.1", host);
        config(&format!("{LISTENER}{tenant}")).tenants["acme"].endpoints[0]
            .tls
            .mode
    };
    for local in [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "localhost",
        "/run/postgresql",
    ] {
        assert_eq!(mode(local), ServerTlsMode::Disable, "{local}");
    }
    for remote in [
        "10.0.0.1",
        "db.example.com",
        "localhost.example.com",
        "2001:db8::1",
    ] {
        assert_eq!(mode(remote), ServerTlsMode::VerifyFull, "{remote}");
    }
}

#[test]
fn an_endpoint_goes_before_its_tenant_and_the_tenant_before_the_default() {
    let text = format!(
        "{LISTENER}[[tenant]]\nname = \"acme\"\nserver_tls = {{ mode = \"require\", ca = \"a.crt\" }}\n\
         [[tenant.endpoint]]\nhost = \"127.0.0.1\"\n\
         [[tenant.endpoint]]\nhost = \"10.0.0.1\"\n[tenant.endpoint.server_tls]\nmode = \"verify-ca\"\n\
         certificate = {{ certificate = \"a.crt\", key = \"a.key\" }}\n"
    );
    let config = signed().config(&text);
    let [first, second] = &config.tenants["acme"].endpoints[..] else {
        panic!("two endpoints")
    };
    assert_eq!(first.tls.mode, ServerTlsMode::Require);
    assert_eq!(
        first.tls.ca.as_deref(),
        Some(std::path::Path::new("/etc/a.crt"))
    );
    assert_eq!(first.tls.certificate, None);
    assert_eq!(second.tls.mode, ServerTlsMode::VerifyCa);
    assert_eq!(second.tls.ca, first.tls.ca);
    assert!(second.tls.certificate.is_some());
}
