//! A real HAProxy in front: its headers, its health checks and its TLS, through to a tenant's rows
//! and to a tenant's refusal.
#![cfg(test)]

mod gate;

use std::fs;

use tidegate_harness::Authority;
use tidegate_harness::Folder;
use tidegate_harness::HaProxy;
use tidegate_harness::HaProxyOptions;
use tidegate_harness::SendProxy;
use tidegate_harness::polling;
use tidegate_harness::programs;
use tidegate_harness::skip;

use self::gate::Gate;

/// An address that is nobody's: reserved for documentation.
const ELSEWHERE: &str = "203.0.113.7";
const ELSEWHERE_V6: &str = "2001:db8::7";

const HEADERS: [(SendProxy, &str); 3] = [
    (SendProxy::V1, "v1"),
    (SendProxy::V2, "v2"),
    (SendProxy::V2SslCn, "v2"),
];

/// A Tidegate that demands these headers from HAProxy, for a tenant with these networks.
fn behind(proxy_protocol: &str, network: &str) -> Option<Gate> {
    let listener =
        format!("proxy_protocol = \"{proxy_protocol}\"\ntrusted_proxies = [\"127.0.0.1\"]");
    Gate::open("", &listener, network)
}

fn haproxy(options: &HaProxyOptions<'_>) -> Option<HaProxy> {
    let haproxy = skip::unless(HaProxy::start(options));
    if haproxy.is_none() {
        skip::tell("HAProxy");
    }
    haproxy
}

fn query(gate: &Gate, front: &HaProxy) -> Result<String, String> {
    gate.psql_through(front.port(), "select 6 * 7")
}

/// The client's address and port as HAProxy logs them when its connection ends.
fn address_at_haproxy(front: &HaProxy) -> String {
    let limit = std::time::Duration::from_mins(1);
    let found = polling::until("a connection in HAProxy's log", limit, || {
        let log = front.log();
        let line = log.lines().find(|line| line.contains(" behind/server "));
        Ok(line
            .and_then(|line| line.split(' ').next())
            .map(str::to_owned))
    });
    found.unwrap()
}

#[test]
fn a_row_comes_back_and_the_client_has_the_address_that_haproxy_saw() {
    for (send, accepted) in HEADERS {
        for listener in [accepted, "v1+v2"] {
            let Some(gate) = behind(listener, "") else {
                return;
            };
            let options = HaProxyOptions::to_port(gate.port, send);
            let Some(front) = haproxy(&options) else {
                return;
            };
            assert_eq!(
                query(&gate, &front).unwrap(),
                "42",
                "{send:?} to {listener}"
            );
            let line = gate
                .pooler
                .wait_for_log(&address_at_haproxy(&front))
                .unwrap();
            assert!(line.contains(&gate.database.user), "{line}");
        }
    }
}

#[test]
fn a_client_from_a_network_that_is_not_allowed_is_told_its_own_address() {
    for (send, accepted) in HEADERS {
        for address in [ELSEWHERE, ELSEWHERE_V6] {
            let Some(gate) = behind(accepted, "allow = [\"127.0.0.0/8\"]") else {
                return;
            };
            let source = format!("tcp-request connection set-src str({address})");
            let mut options = HaProxyOptions::to_port(gate.port, send);
            options.frontend_lines = &source;
            let Some(front) = haproxy(&options) else {
                return;
            };
            let refused = query(&gate, &front).unwrap_err();
            assert!(refused.contains(address), "{send:?} {address}: {refused}");
            let line = gate.pooler.wait_for_log(address).unwrap();
            assert!(line.contains("refused") && line.contains("acme"), "{line}");
        }
    }
}

#[test]
fn a_client_from_a_network_that_is_allowed_comes_in_by_what_the_header_says() {
    for (send, accepted) in HEADERS {
        let networks = format!("allow = [\"{ELSEWHERE}/32\"]");
        let Some(gate) = behind(accepted, &networks) else {
            return;
        };
        let source = format!("tcp-request connection set-src str({ELSEWHERE})");
        let mut options = HaProxyOptions::to_port(gate.port, send);
        let Some(here) = haproxy(&options) else {
            return;
        };
        options.frontend_lines = &source;
        let Some(elsewhere) = haproxy(&options) else {
            return;
        };
        assert_eq!(query(&gate, &elsewhere).unwrap(), "42", "{send:?}");
        // HAProxy's own address, which is this client's as well, opens nothing.
        let refused = query(&gate, &here).unwrap_err();
        assert!(refused.contains("127.0.0.1"), "{send:?}: {refused}");
    }
}

#[test]
fn a_header_with_a_unique_id_and_a_checksum_is_read() {
    let Some(gate) = behind("v2", "") else {
        return;
    };
    let options = HaProxyOptions {
        server_options: "proxy-v2-options unique-id,crc32c,authority,ssl,cert-cn",
        frontend_lines: "unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid",
        ..HaProxyOptions::to_port(gate.port, SendProxy::V2)
    };
    let Some(front) = haproxy(&options) else {
        return;
    };
    assert_eq!(query(&gate, &front).unwrap(), "42");
    // Both logs name the connection by it.
    let line = gate.pooler.wait_for_log("session ended").unwrap();
    assert!(line.contains("unique_id=\"7F000001:"), "{line}");
}

#[test]
fn health_checks_see_tidegate_up_and_never_reach_a_tenant() {
    for (send, accepted) in HEADERS {
        let Some(gate) = behind(accepted, "") else {
            return;
        };
        let options = HaProxyOptions {
            checks: true,
            ..HaProxyOptions::to_port(gate.port, send)
        };
        let Some(front) = haproxy(&options) else {
            return;
        };
        front.wait_for_server_state("UP").unwrap();
        assert_eq!(query(&gate, &front).unwrap(), "42", "{send:?}");
        assert_eq!(front.server_state().unwrap(), "UP", "{send:?}");
        let log = gate.pooler.log_lines();
        let mut tenants = log.iter().filter(|line| line.contains("tenant=\"acme\""));
        assert!(
            tenants.all(|line| line.contains(&gate.database.user)),
            "{log:?}"
        );
    }
}

#[test]
fn health_checks_see_a_stopped_tidegate_go_down() {
    let Some(mut gate) = behind("v2", "") else {
        return;
    };
    let options = HaProxyOptions {
        checks: true,
        ..HaProxyOptions::to_port(gate.port, SendProxy::V2)
    };
    let Some(front) = haproxy(&options) else {
        return;
    };
    front.wait_for_server_state("UP").unwrap();
    gate.pooler.process().stop().unwrap();
    front.wait_for_server_state("DOWN").unwrap();
}

#[test]
fn a_load_balancer_that_sends_another_header_than_agreed_gets_nowhere() {
    for (send, demanded) in [
        (SendProxy::Off, "v1+v2"),
        (SendProxy::V1, "v2"),
        (SendProxy::V2, "v1"),
    ] {
        let Some(gate) = behind(demanded, "") else {
            return;
        };
        let Some(front) = haproxy(&HaProxyOptions::to_port(gate.port, send)) else {
            return;
        };
        let refused = query(&gate, &front).unwrap_err();
        assert!(
            refused.contains("closed the connection unexpectedly"),
            "{send:?}: {refused}"
        );
    }
}

#[test]
fn a_load_balancer_that_is_not_trusted_gets_nowhere() {
    let listener = "proxy_protocol = \"v2\"\ntrusted_proxies = [\"192.0.2.1\"]";
    let Some(gate) = Gate::open("", listener, "") else {
        return;
    };
    let options = HaProxyOptions::to_port(gate.port, SendProxy::V2);
    let Some(front) = haproxy(&options) else {
        return;
    };
    let refused = query(&gate, &front).unwrap_err();
    assert!(
        refused.contains("closed the connection unexpectedly"),
        "{refused}"
    );
}

#[test]
fn a_client_whose_tls_ends_at_haproxy_comes_in_with_its_certificates_name_in_the_header() {
    let Some(gate) = behind("v2", "") else {
        return;
    };
    let authority = Authority::new().unwrap();
    let server = authority.server(&["127.0.0.1", "localhost"]).unwrap();
    let client = authority.client("maria").unwrap();
    let pem = authority.certificate_pem();
    let options = HaProxyOptions {
        tls: Some(&server),
        client_authority_pem: Some(&pem),
        server_options: "proxy-v2-options ssl-cipher,cert-sig,cert-key,authority,crc32c",
        ..HaProxyOptions::to_port(gate.port, SendProxy::V2SslCn)
    };
    let Some(front) = haproxy(&options) else {
        return;
    };
    let folder = Folder::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        // libpq refuses a key that others may read.
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let dsn = gate.dsn_through(front.port());
    let dsn = dsn.replace(
        "sslmode=disable",
        "sslmode=verify-full sslnegotiation=direct",
    );
    let dsn = format!(
        "{dsn} sslrootcert={} sslcert={} sslkey={}",
        file("root.crt", &pem),
        file("client.crt", &client.certificate_pem),
        file("client.key", &client.key_pem)
    );
    let program = folder.path().join("query.py");
    fs::write(&program, QUERY).unwrap();
    match skip::unless(programs::python(&program, &[&dsn])) {
        Some(answer) => assert_eq!(answer, "42\n"),
        None => skip::tell("Python with psycopg"),
    }
}

/// The libpq of psycopg's wheel is new enough for `sslnegotiation=direct`.
const QUERY: &str = "
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    print(connection.execute('select 6 * 7').fetchone()[0])
";
