//! A real HAProxy started by the harness, in front of a server that reads the PROXY header itself
//! and in front of a plain Postgres.
#![cfg(test)]

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::HaProxy;
use tidegate_harness::HaProxyOptions;
use tidegate_harness::SendProxy;
use tidegate_harness::programs;
use tidegate_harness::skip;

const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const PP2_TYPE_UNIQUE_ID: u8 = 0x05;
const PP2_TYPE_SSL: u8 = 0x20;

/// Starts HAProxy in front of a listener of our own, says something through it and returns what
/// arrives.
fn bytes_behind(
    options: impl FnOnce(&mut HaProxyOptions<'_>),
    send_proxy: SendProxy,
) -> Option<Vec<u8>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut chosen = HaProxyOptions::to_port(port, send_proxy);
    options(&mut chosen);
    let haproxy = skip::unless(HaProxy::start(&chosen));
    let Some(haproxy) = haproxy else {
        skip::tell("HAProxy");
        return None;
    };
    let mut client = haproxy.connect().unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let (server, _) = listener.accept().unwrap();
    Some(read_all(server))
}

fn read_all(mut stream: TcpStream) -> Vec<u8> {
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn send_proxy_sends_a_line() {
    let Some(bytes) = bytes_behind(|_| (), SendProxy::V1) else {
        return;
    };
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "),
        "{text}"
    );
    assert!(text.ends_with("\r\nhello"), "{text}");
}

#[test]
fn send_proxy_v2_sends_a_binary_header() {
    let Some(bytes) = bytes_behind(|_| (), SendProxy::V2) else {
        return;
    };
    assert!(bytes.starts_with(V2_SIGNATURE));
    assert!(bytes.ends_with(b"hello"));
}

#[test]
fn a_unique_id_is_sent_when_asked_for() {
    let ask = |options: &mut HaProxyOptions<'_>| {
        options.server_options = "proxy-v2-options unique-id,crc32c";
        options.frontend_lines = "unique-id-format id-%[rand(1000)]";
    };
    let Some(bytes) = bytes_behind(ask, SendProxy::V2) else {
        return;
    };
    let id = bytes.windows(6).find(|bytes| bytes.ends_with(b"id-"));
    assert_eq!(id.unwrap()[0], PP2_TYPE_UNIQUE_ID);
}

#[test]
fn a_plain_postgres_answers_through_haproxy_and_its_checks_see_it() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let database = cluster.database().unwrap();
    let options = HaProxyOptions {
        checks: true,
        ..HaProxyOptions::to_port(cluster.port(), SendProxy::Off)
    };
    let Some(haproxy) = skip::unless(HaProxy::start(&options)) else {
        return skip::tell("HAProxy");
    };
    haproxy.wait_for_server_state("UP").unwrap();
    let dsn = database.dsn_through(haproxy.port(), &database.user);
    assert_eq!(cluster.binaries().psql(&dsn, "select 6*7").unwrap(), "42");
}

#[test]
fn a_server_that_does_not_listen_is_seen_as_down() {
    let unused = tidegate_harness::free_port().unwrap();
    let options = HaProxyOptions {
        checks: true,
        ..HaProxyOptions::to_port(unused, SendProxy::V2)
    };
    let Some(haproxy) = skip::unless(HaProxy::start(&options)) else {
        return skip::tell("HAProxy");
    };
    haproxy.wait_for_server_state("DOWN").unwrap();
}

#[test]
fn haproxy_terminates_tls_and_passes_on_the_name_of_the_certificate() {
    let authority = Authority::new().unwrap();
    let (server, client) = (
        authority.server(&["127.0.0.1"]).unwrap(),
        authority.client("maria").unwrap(),
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let pem = authority.certificate_pem();
    let options = HaProxyOptions {
        tls: Some(&server),
        client_authority_pem: Some(&pem),
        ..HaProxyOptions::to_port(port, SendProxy::V2SslCn)
    };
    let Some(haproxy) = skip::unless(HaProxy::start(&options)) else {
        return skip::tell("HAProxy");
    };
    let folder = Folder::new().unwrap();
    std::fs::write(folder.path().join("client.pem"), client.bundle_pem()).unwrap();
    std::fs::write(folder.path().join("root.pem"), &pem).unwrap();
    let program = folder.path().join("hello.py");
    std::fs::write(&program, HELLO_OVER_TLS).unwrap();
    let arguments =
        [folder.path().to_str().unwrap(), &haproxy.port().to_string()].map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let received = std::thread::spawn(move || read_all(listener.accept().unwrap().0));
    if skip::unless(programs::python(&program, &arguments)).is_none() {
        return skip::tell("Python");
    }
    let bytes = received.join().unwrap();
    assert!(bytes.starts_with(V2_SIGNATURE));
    assert!(bytes.contains(&PP2_TYPE_SSL));
    assert!(
        bytes.windows(5).any(|window| window == b"maria"),
        "{bytes:?}"
    );
    assert!(bytes.ends_with(b"hello"));
}

const HELLO_OVER_TLS: &str = r#"
import socket, ssl, sys
folder, port = sys.argv[1], int(sys.argv[2])
context = ssl.create_default_context(cafile=folder + "/root.pem")
context.load_cert_chain(folder + "/client.pem")
context.set_alpn_protocols(["postgresql"])
with socket.create_connection(("127.0.0.1", port)) as plain:
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
        assert stream.selected_alpn_protocol() == "postgresql"
        stream.sendall(b"hello")
        stream.shutdown(socket.SHUT_WR)
        while stream.recv(1000):
            pass
"#;
