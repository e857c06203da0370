//! PROXY headers on the way to a login, over real sockets: who may send one, what it says, and what
//! becomes of those that are late, wrong or missing.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::client::Client;
use super::client::startup;
use super::login::reason;
use super::world::PASSWORD;
use super::world::World;
use crate::config::ListenAddress;
use crate::config::Listener;
use crate::config::ProxyProtocol;
use crate::edge::Bound;
use crate::edge::ClosedReason;
use crate::edge::EdgeError;
use crate::edge::ListeningSocket;
use crate::edge::Outcome;
use crate::edge::Sharing;
use crate::net::SocketOptions;
use crate::telemetry::RefusalReason;

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 5432\r\n";

/// A listener that wants headers from loopback.
fn proxied() -> Listener {
    Listener {
        address: ListenAddress::Tcp("127.0.0.1:0".parse().unwrap()),
        proxy_protocol: ProxyProtocol::V1AndV2,
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Listener::default()
    }
}

/// A header of version 2 with this command, family and block.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [
        b"\r\n\r\n\0\r\nQUIT\n",
        &[0x20 | command, family][..],
        &length,
        block,
    ]
    .concat()
}

fn v2_of(source: [u8; 4]) -> Vec<u8> {
    let block = [
        &source[..],
        &[10, 0, 0, 1],
        &4711_u16.to_be_bytes(),
        &5432_u16.to_be_bytes(),
    ];
    v2(1, 0x11, &block.concat())
}

fn bind(listener: &Listener) -> (ListeningSocket, SocketAddr) {
    let bound = Bound::bind(listener, Sharing::Alone).unwrap();
    let address = bound.local_address().unwrap().unwrap();
    (bound.register().unwrap(), address)
}

/// Accepts one connection of a client that does what `act` says, and serves it.
async fn serve<T>(
    listener: Listener,
    connect: impl FnOnce(SocketAddr) -> SocketAddr,
    act: impl AsyncFnOnce(TcpStream) -> T,
) -> (World, Outcome, T) {
    let (mut listening, address) = bind(&listener);
    let world = World::new(listener);
    let serving = async {
        let accepted = listening.accept(&SocketOptions::default()).await;
        Box::pin(world.serve(accepted)).await
    };
    let client = async { act(TcpStream::connect(connect(address)).await.unwrap()).await };
    let (outcome, acted) = tokio::join!(serving, client);
    (world, outcome, acted)
}

/// Sends `bytes` and reads everything up to the end.
async fn send_and_read(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).await.unwrap();
    let mut received = Vec::new();
    // A reset is an end, too.
    drop(stream.read_to_end(&mut received).await);
    received
}

/// Sends `bytes` and then logs in.
async fn log_in(mut stream: TcpStream, bytes: &[u8], user: &str) -> String {
    stream.write_all(bytes).await.unwrap();
    let mut client = Client::new(stream);
    client.send(&startup(&[("user", user)])).await;
    client.scram(PASSWORD, None).await.in_words()
}

fn error(outcome: &Outcome) -> &EdgeError {
    match outcome {
        Outcome::Closed(closed) => match &closed.reason {
            ClosedReason::Failed(error) => error,
            ClosedReason::Cancel(_) => panic!("{closed:?}"),
        },
        Outcome::Session(_) | Outcome::Operator(_) => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn the_client_of_a_header_is_the_one_that_restrictions_see() {
    for header in [V1.to_vec(), v2_of([203, 0, 113, 7])] {
        // `walled` admits 203.0.113.0/24, and not the balancer.
        let (_, outcome, last) = serve(
            proxied(),
            |address| address,
            async |stream| log_in(stream, &header, "app.walled").await,
        )
        .await;
        assert_eq!(last, "Authentication");
        let Outcome::Session(arrival) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(arrival.origin.client().to_string(), "203.0.113.7:4711");
        assert!(arrival.origin.peer().is_local());
    }
    let header = v2_of([198, 51, 100, 1]);
    let (_, outcome, last) = serve(
        proxied(),
        |address| address,
        async |stream| log_in(stream, &header, "app.walled").await,
    )
    .await;
    assert!(last.contains("198.51.100.1"), "{last}");
    assert_eq!(reason(&outcome), RefusalReason::Network);
}

#[tokio::test]
async fn proxy_untrusted_peer() {
    let listener = Listener {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..proxied()
    };
    let (world, outcome, received) = serve(
        listener,
        |address| address,
        async |stream| send_and_read(stream, V1).await,
    )
    .await;
    assert_eq!(received, b"");
    assert_eq!(reason(&outcome), RefusalReason::ProxyUntrusted);
    assert!(world.is_empty());
}

#[tokio::test]
async fn proxy_mapped_lb_dual_stack() {
    let listener = Listener {
        address: ListenAddress::Tcp("[::]:0".parse().unwrap()),
        ..proxied()
    };
    // The balancer arrives as ::ffff:127.0.0.1; the list says 127.0.0.0/8.
    let (_, outcome, last) = serve(
        listener,
        |address| SocketAddr::new("127.0.0.1".parse().unwrap(), address.port()),
        async |stream| log_in(stream, V1, "app.walled").await,
    )
    .await;
    assert_eq!(last, "Authentication");
    assert!(matches!(outcome, Outcome::Session(_)));
}

#[tokio::test]
async fn proxy_then_sslrequest_one_segment() {
    // Without certificates, the answer is N; the startup message follows in plaintext.
    let packet = [V1, &SslRequest::BYTES].concat();
    let (_, outcome, last) = serve(
        proxied(),
        |address| address,
        async |mut stream| {
            stream.write_all(&packet).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), SslRequest::REFUSED);
            log_in(stream, b"", "app.walled").await
        },
    )
    .await;
    assert_eq!(last, "Authentication");
    assert!(matches!(outcome, Outcome::Session(_)));
}

#[tokio::test]
async fn bytes_behind_header_and_sslrequest_in_one_segment_close_the_connection() {
    let packet = [V1, &SslRequest::BYTES, &startup(&[("user", "app.walled")])].concat();
    let (_, outcome, received) = serve(
        proxied(),
        |address| address,
        async |stream| send_and_read(stream, &packet).await,
    )
    .await;
    assert_eq!(received, b"");
    assert!(matches!(error(&outcome), EdgeError::PlaintextBehindRequest));
}

#[tokio::test]
async fn proxy_two_headers() {
    for second in [V1.to_vec(), v2_of([203, 0, 113, 8])] {
        let packet = [V1, &second, &startup(&[("user", "app.walled")])].concat();
        let (world, outcome, received) = serve(
            proxied(),
            |address| address,
            async |stream| send_and_read(stream, &packet).await,
        )
        .await;
        assert_eq!(received, b"");
        assert!(matches!(error(&outcome), EdgeError::Startup(_)));
        assert!(world.is_empty());
    }
}

#[tokio::test]
async fn plain_port_gets_proxy_header() {
    let listener = Listener {
        proxy_protocol: ProxyProtocol::Off,
        ..proxied()
    };
    for header in [V1.to_vec(), v2_of([203, 0, 113, 7])] {
        let packet = [&header[..], &startup(&[("user", "app.acme")])].concat();
        let (_, outcome, received) = serve(
            listener.clone(),
            |address| address,
            async |stream| send_and_read(stream, &packet).await,
        )
        .await;
        assert_eq!(received, b"");
        assert!(matches!(error(&outcome), EdgeError::Startup(_)));
    }
}

#[tokio::test]
async fn proxy_port_gets_no_header() {
    let packets = [startup(&[("user", "app.acme")]), SslRequest::BYTES.to_vec()];
    for packet in packets {
        let (_, outcome, received) = serve(
            proxied(),
            |address| address,
            async |stream| send_and_read(stream, &packet).await,
        )
        .await;
        assert_eq!(received, b"");
        assert!(matches!(error(&outcome), EdgeError::ProxyHeader(_)));
    }
}

#[tokio::test]
async fn a_header_of_the_other_version_is_refused() {
    for (version, header) in [
        (ProxyProtocol::V1, v2_of([203, 0, 113, 7])),
        (ProxyProtocol::V2, V1.to_vec()),
    ] {
        let listener = Listener {
            proxy_protocol: version,
            ..proxied()
        };
        let (_, outcome, received) = serve(
            listener,
            |address| address,
            async |stream| send_and_read(stream, &header).await,
        )
        .await;
        assert_eq!(received, b"");
        assert!(matches!(error(&outcome), EdgeError::ProxyHeader(_)));
    }
}

#[tokio::test]
async fn a_balancers_health_check_is_quiet_and_reaches_no_tenant() {
    let local = v2(0, 0, b"");
    let packets = [
        local.clone(),
        v2(0, 0x11, b"ignored"),
        [&local[..], &startup(&[("user", "app.acme")])].concat(),
    ];
    for packet in packets {
        let (_, outcome, received) = serve(
            proxied(),
            |address| address,
            async |stream| send_and_read(stream, &packet).await,
        )
        .await;
        assert_eq!(received, b"");
        assert!(matches!(error(&outcome), EdgeError::ProxyLocal));
        assert_eq!(error(&outcome).reason(), None);
    }
    // A probe that says nothing at all is as quiet.
    let (_, outcome, ()) = serve(proxied(), |address| address, async |stream| drop(stream)).await;
    assert_eq!(error(&outcome).reason(), None);
}

#[tokio::test]
async fn a_header_without_an_address_is_refused() {
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), v2(1, 0, b"")] {
        let packet = [&header[..], &startup(&[("user", "app.acme")])].concat();
        let (_, outcome, received) = serve(
            proxied(),
            |address| address,
            async |stream| send_and_read(stream, &packet).await,
        )
        .await;
        assert_eq!(received, b"");
        assert!(matches!(error(&outcome), EdgeError::ProxyUnknown));
    }
}

#[tokio::test]
async fn a_header_that_is_cut_off_is_no_health_check() {
    let (_, outcome, ()) = serve(
        proxied(),
        |address| address,
        async |mut stream| stream.write_all(&V1[..20]).await.unwrap(),
    )
    .await;
    assert!(matches!(error(&outcome), EdgeError::ProxyCutOff));
    assert_eq!(reason(&outcome), RefusalReason::ProxyHeader);
}

#[tokio::test(start_paused = true)]
async fn proxy_silent_client_deadline() {
    let world = World::new(proxied()).from("127.0.0.1:9");
    let start = Instant::now();
    let (stream, serving) = world.connect();
    let outcome = Box::pin(serving).await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert!(matches!(error(&outcome), EdgeError::ProxyLate));
    drop(stream);
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn proxy_dribble_deadline() {
    let world = World::new(proxied()).from("127.0.0.1:9");
    let start = Instant::now();
    let (mut stream, serving) = world.connect();
    let dribble = async {
        let mut interval = tokio::time::interval(Duration::from_secs(1));
        for byte in V1 {
            interval.tick().await;
            if stream.write_u8(*byte).await.is_err() {
                return start.elapsed();
            }
        }
        panic!("the header was waited for");
    };
    let (outcome, noticed) = tokio::join!(Box::pin(serving), dribble);
    assert!(matches!(error(&outcome), EdgeError::ProxyLate));
    assert_eq!(noticed, Duration::from_secs(5));
    assert!(world.is_empty());
}

#[tokio::test]
async fn proxy_one_slow_does_not_block_accept() {
    let listener = proxied();
    let (mut listening, address) = bind(&listener);
    let world = World::new(listener);
    let options = SocketOptions::default();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(&V1[..10]).await.unwrap();
    let first = listening.accept(&options).await;
    let slow_login = Box::pin(world.serve(first));
    let honest = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let accepted = listening.accept(&options).await;
        tokio::join!(
            Box::pin(world.serve(accepted)),
            log_in(stream, V1, "app.walled"),
        )
    };
    tokio::select! {
        biased;
        outcome = slow_login => panic!("{outcome:?}"),
        (outcome, last) = honest => {
            assert_eq!(last, "Authentication");
            assert!(matches!(outcome, Outcome::Session(_)));
        },
    }
}
