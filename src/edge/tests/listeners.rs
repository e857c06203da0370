//! Listening sockets of every kind: who can reach them, and what they leave behind.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::Domain;
use socket2::SockRef;
use socket2::Socket;
use socket2::Type;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::UnixStream;

use super::client::Client;
use super::client::startup;
use super::world::PASSWORD;
use super::world::World;
use crate::config::ListenAddress;
use crate::config::Listener;
use crate::edge::Bound;
use crate::edge::Outcome;
use crate::edge::Sharing;
use crate::net::Keepalive;
use crate::net::SocketOptions;
use crate::net::Transport;

fn tcp(address: &str) -> Listener {
    Listener {
        address: ListenAddress::Tcp(address.parse().unwrap()),
        ..Listener::default()
    }
}

fn unix(path: PathBuf, mode: u32) -> Listener {
    Listener {
        address: ListenAddress::Unix { path, mode },
        ..Listener::default()
    }
}

/// A path that no other test uses.
fn path() -> PathBuf {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let name = format!("tidegate-{}-{serial}.socket", std::process::id());
    std::env::temp_dir().join(name)
}

#[tokio::test]
async fn a_dual_stack_listener_takes_both_families_and_a_specific_one_does_not() {
    let listener = tcp("[::]:0");
    let bound = Bound::bind(&listener, Sharing::Alone).unwrap();
    let port = bound.local_address().unwrap().unwrap().port();
    let mut listening = bound.register().unwrap();
    for (host, seen) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1")] {
        let stream = TcpStream::connect((host, port)).await.unwrap();
        let accepted = listening.accept(&SocketOptions::default()).await;
        assert_eq!(accepted.peer.ip(), Some(seen.parse().unwrap()));
        drop(stream);
    }
    let bound = Bound::bind(&tcp("[::1]:0"), Sharing::Alone).unwrap();
    let port = bound.local_address().unwrap().unwrap().port();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn workers_share_an_address_and_others_cannot_take_it() {
    let first = Bound::bind(&tcp("127.0.0.1:0"), Sharing::Workers).unwrap();
    let address = first.local_address().unwrap().unwrap();
    let listener = tcp(&address.to_string());
    let _second = Bound::bind(&listener, Sharing::Workers).unwrap();
    let error = Bound::bind(&listener, Sharing::Alone).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn an_accepted_connection_has_the_options_of_the_configuration() {
    let bound = Bound::bind(&tcp("127.0.0.1:0"), Sharing::Alone).unwrap();
    let address = bound.local_address().unwrap().unwrap();
    let mut listening = bound.register().unwrap();
    let usual = Keepalive::of(&Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
    let mut node = crate::config::Node::default();
    let mut have = async |node: &crate::config::Node| {
        // The first may have been made before a change, as after a reload.
        let mut accepted = None;
        for _ in 0..2 {
            let client = TcpStream::connect(address);
            let options = node.socket_options();
            let (client, next) = tokio::join!(client, listening.accept(&options));
            drop(client.unwrap());
            accepted = Some(next);
        }
        let Some(Transport::Tcp(stream)) = accepted.map(|accepted| accepted.transport) else {
            panic!("no connection");
        };
        assert!(stream.nodelay().unwrap());
        (
            SockRef::from(&stream).keepalive().unwrap(),
            Keepalive::of(&stream),
        )
    };
    assert_eq!(have(&node).await, (true, usual.clone()));
    node.tcp_keepidle = Duration::from_secs(31);
    let changed = Keepalive {
        idle: Some(node.tcp_keepidle),
        ..usual.clone()
    };
    assert_eq!(have(&node).await, (true, changed));
    node.tcp_keepidle = Duration::ZERO;
    assert_eq!(have(&node).await, (true, usual));
    node.tcp_keepalive = false;
    assert!(!have(&node).await.0);
}

#[tokio::test]
async fn a_client_of_a_unix_socket_logs_in_and_the_file_goes_with_the_listener() {
    let path = path();
    let listener = unix(path.clone(), 0o600);
    let bound = Bound::bind(&listener, Sharing::Workers).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut listening = bound.register().unwrap();
    let world = World::new(listener);
    let stream = UnixStream::connect(&path).await.unwrap();
    let accepted = listening.accept(&SocketOptions::default()).await;
    let process = accepted.peer.unix().unwrap().process_id;
    assert_eq!(process, i32::try_from(std::process::id()).ok());
    let serving = Box::pin(world.serve(accepted));
    let (outcome, last) = tokio::join!(serving, async {
        let mut client = Client::new(stream);
        client.send(&startup(&[("user", "app.acme")])).await;
        client.scram(PASSWORD, None).await
    });
    assert!(last.is_authentication_ok());
    assert!(matches!(outcome, Outcome::Session(_)));
    drop(listening);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
    let path = path();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the standard library leaves it behind");
    let listener = unix(path.clone(), 0o777);
    let live = Bound::bind(&listener, Sharing::Alone).unwrap();
    let error = Bound::bind(&listener, Sharing::Alone).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    UnixStream::connect(&path)
        .await
        .unwrap()
        .shutdown()
        .await
        .unwrap();
    drop(live);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let path = path();
    fs::write(&path, "precious").unwrap();
    let error = Bound::bind(&unix(path.clone(), 0o777), Sharing::Alone).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_socket_that_somebody_put_in_our_place_outlives_us() {
    let path = path();
    let ours = Bound::bind(&unix(path.clone(), 0o777), Sharing::Alone).unwrap();
    fs::remove_file(&path).unwrap();
    let _theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(ours);
    assert!(path.exists());
    fs::remove_file(path).unwrap();
}
