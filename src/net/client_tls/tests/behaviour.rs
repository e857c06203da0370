//! What a reader and a writer may rely on: when they are woken, what waits, what is kept.

use std::future::poll_fn;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use rustls::NamedGroup;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::task::spawn_local;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::EASY;
use super::Setup;
use super::VERSIONS;
use super::far::Far;
use super::pair::Pair;
use super::text;
use crate::limits::EDGE_BUFFER_BYTES;
use crate::limits::TLS_FRUITLESS_BYTES_MAX;
use crate::limits::TLS_OUTGOING_BYTES;
use crate::limits::TLS_RECORD_BYTES_MAX;
use crate::net::ClientTls;
use crate::net::Socket;
use crate::net::Transport;

#[test]
fn a_connection_at_rest_keeps_nothing() {
    for version in VERSIONS {
        let mut pair = Pair::new(&Setup { version, ..EASY });
        pair.assert_bare();
        for size in [60, 30_000, 200_000] {
            pair.far.say(size);
            pair.settle();
            while pair.said < pair.far.said {
                let left = pair.far.said - pair.said;
                assert!(pair.say(left / 2, left - left / 2).is_ready());
                pair.settle();
            }
            pair.assert_heard();
            pair.assert_bare();
        }
    }
}

#[test]
fn a_client_that_goes_on_saying_nothing_is_ended_and_one_that_speaks_is_not() {
    let mut pair = Pair::new(&EASY);
    pair.near.fruitless_bytes = TLS_FRUITLESS_BYTES_MAX;
    pair.far.say(60);
    pair.settle();
    pair.assert_heard();
    assert_eq!(pair.near.fruitless_bytes, 0);
    pair.far.update_keys();
    pair.settle();
    assert!((1..100).contains(&pair.near.fruitless_bytes));
    pair.near.fruitless_bytes = TLS_FRUITLESS_BYTES_MAX;
    pair.far.update_keys();
    pair.settle();
    assert!(matches!(
        pair.near.kept.error(),
        Some(rustls::Error::PeerMisbehaved(_))
    ));
}

#[test]
fn what_nobody_takes_is_held_once_and_then_refused() {
    let mut pair = Pair::new(&Setup {
        wire_bytes: 1000,
        ..EASY
    });
    assert!(matches!(pair.say(50_000, 50_000), Poll::Ready(1..)));
    let first = pair.said;
    assert!(pair.said < 100_000, "all was taken");
    assert!(pair.near.kept.unsent().len() <= TLS_OUTGOING_BYTES - 1000);
    assert!(pair.say(10, 0).is_pending());
    assert!(pair.flush().is_pending());
    pair.settle();
    assert!(matches!(pair.flush(), Poll::Ready(Ok(()))));
    assert_eq!(pair.say(10, 0), Poll::Ready(10));
    pair.settle();
    assert_eq!(pair.far.heard, text(0, first + 10));
    pair.assert_bare();
}

#[test]
fn whoever_reads_a_little_is_not_given_much_to_keep() {
    let mut pair = Pair::new(&EASY);
    let mut context = Context::from_waker(Waker::noop());
    pair.far.say(500_000);
    pair.far.deliver(usize::MAX, &mut context);
    while pair.heard.len() < 100_000 {
        assert!(pair.hear(5) <= 5);
        let kept = pair.near.kept.plaintext().len() + pair.near.kept.received().len();
        assert!(
            kept <= TLS_RECORD_BYTES_MAX + 2 * EDGE_BUFFER_BYTES,
            "{kept}"
        );
    }
    assert!(text(0, 500_000).starts_with(&pair.heard));
}

#[test]
fn a_connection_is_still_empty_only_if_nothing_is_kept_and_nothing_came() {
    let mut pair = Pair::new(&EASY);
    let mut context = Context::from_waker(Waker::noop());
    // Memory cannot tell, and a kept byte is to be read.
    pair.far.say(10);
    pair.settle();
    assert!(!pair.near.is_still_empty());
    pair.far.say(10);
    pair.far.deliver(usize::MAX, &mut context);
    assert_eq!(pair.hear(3), 3);
    assert!(pair.near.may_have_input());
}

#[tokio::test]
async fn on_a_real_socket_emptiness_is_told_without_reading() {
    let (mut far, mut socket) = connected().await;
    let mut context = Context::from_waker(Waker::noop());
    let mut room = [0; 100];
    assert!(socket.poll_read(&mut context, &mut room).is_pending());
    assert!(socket.is_still_empty());
    far.tls_says(b"whole").await;
    something_has_come(&socket).await;
    assert!(!socket.is_still_empty());
    assert_eq!(socket.read(&mut room[..2]).await.unwrap(), 2);
    // Nothing is on the wire, but something is kept.
    assert!(!socket.is_still_empty());
    assert_eq!(socket.read(&mut room).await.unwrap(), 3);
    assert!(socket.poll_read(&mut context, &mut room).is_pending());
    assert!(socket.is_still_empty());
    let cut = far.records(b"late");
    far.wire.write_all(&cut[..7]).await.unwrap();
    something_has_come(&socket).await;
    assert!(socket.poll_read(&mut context, &mut room).is_pending());
    // A part of a record is kept.
    assert!(!socket.is_still_empty());
    far.wire.write_all(&cut[7..]).await.unwrap();
    assert_eq!(socket.read(&mut room).await.unwrap(), 4);
}

#[tokio::test]
async fn a_reader_is_woken_by_the_last_byte_of_a_record() {
    let (mut far, mut socket) = connected().await;
    let record = far.records(b"slow");
    // A task of its own: nothing but the socket wakes it.
    let tasks = LocalSet::new();
    let woken = tasks.run_until(async {
        let reading = spawn_local(async move {
            let mut room = [0; 100];
            let count = socket.read(&mut room).await.unwrap();
            room[..count].to_vec()
        });
        for byte in &record {
            far.wire.write_all(&[*byte]).await.unwrap();
            for _ in 0..100 {
                yield_now().await;
            }
        }
        reading.await.unwrap()
    });
    let heard = timeout(Duration::from_secs(20), woken).await.unwrap();
    assert_eq!(heard, b"slow");
}

#[tokio::test]
async fn what_is_kept_moves_with_its_connection_to_another_thread() {
    let (mut far, mut socket) = connected().await;
    far.tls_says(b"one record").await;
    assert_eq!(socket.read(&mut [0; 3]).await.unwrap(), 3);
    let record = far.records(b", another");
    far.wire.write_all(&record[..9]).await.unwrap();
    something_has_come(&socket).await;
    let mut context = Context::from_waker(Waker::noop());
    let mut kept = [0; 7];
    assert!(socket.poll_read(&mut context, &mut kept).is_ready());
    assert!(socket.poll_read(&mut context, &mut [0; 1]).is_pending());
    assert!(!socket.is_still_empty());
    socket.transport_mut().park().unwrap();
    far.wire.write_all(&record[9..]).await.unwrap();
    let moved = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async move {
            socket.transport_mut().unpark().unwrap();
            let mut rest = [0; 9];
            socket.read_exact(&mut rest).await.unwrap();
            socket.write_all(b"heard").await.unwrap();
            rest
        })
    });
    assert_eq!(&moved.join().unwrap(), b", another");
    assert_eq!(far.hears(5).await, b"heard");
}

#[tokio::test]
async fn what_was_agreed_on_can_be_told() {
    let (_far, socket) = connected().await;
    let agreed = socket.tls().unwrap().to_string();
    assert_eq!(agreed, "TLSv1.3/TLS13_AES_256_GCM_SHA384");
    let Socket::ClientTls(stream) = &socket else {
        panic!("it is no client's");
    };
    let group = stream.agreed().negotiated_key_exchange_group();
    assert_eq!(group.unwrap().name(), NamedGroup::X25519);
    assert!(!format!("{socket:?}").contains("key"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_end_of_tls_waits_for_the_end_of_the_stream_and_both_arrive() {
    let (mut far, mut socket) = connected().await;
    let is_corked = |socket: &Socket| {
        let Transport::Tcp(stream) = socket.transport() else {
            panic!("it is no TCP connection");
        };
        socket2::SockRef::from(stream).tcp_cork().unwrap()
    };
    socket.write_all(b"words").await.unwrap();
    assert_eq!(far.hears(5).await, b"words");
    assert!(!is_corked(&socket), "words are sent at once");
    poll_fn(|context| socket.poll_shutdown(context))
        .await
        .unwrap();
    assert!(is_corked(&socket));
    let mut rest = Vec::new();
    far.wire.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.is_empty(), "the alert is there, and the end");
}

async fn something_has_come(socket: &Socket) {
    let Transport::Tcp(stream) = socket.transport() else {
        panic!("it is no TCP connection");
    };
    stream.readable().await.unwrap();
}

/// A client on a real socket.
struct Caller {
    far: Far,
    wire: TcpStream,
}

async fn connected() -> (Caller, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let wire = TcpStream::connect(address).await.unwrap();
    wire.set_nodelay(true).unwrap();
    let transport = Transport::Tcp(listener.accept().await.unwrap().0);
    let (unused, _) = tokio::io::duplex(1);
    let mut caller = Caller {
        far: Far::new(&EASY, unused),
        wire,
    };
    let accepting = async {
        let accepted = ClientTls::accept(transport, EASY.server()).await;
        accepted.unwrap()
    };
    let both = async { tokio::join!(accepting, caller.shake_hands()) };
    let (near, ()) = timeout(Duration::from_secs(20), both).await.unwrap();
    (caller, Socket::ClientTls(near))
}

impl Caller {
    async fn shake_hands(&mut self) {
        self.send().await;
        while self.far.tls.is_handshaking() {
            self.take().await;
            self.send().await;
        }
    }

    async fn send(&mut self) {
        let bytes = std::mem::take(&mut self.far.outgoing);
        self.wire.write_all(&bytes).await.unwrap();
    }

    async fn take(&mut self) {
        let mut room = [0; 5000];
        let count = self.wire.read(&mut room).await.unwrap();
        assert!(count > 0, "the connection has ended");
        self.far.take(&room[..count]);
    }

    /// The records that say this, unsent.
    fn records(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.far.say_exactly(bytes);
        std::mem::take(&mut self.far.outgoing)
    }

    async fn tls_says(&mut self, bytes: &[u8]) {
        let records = self.records(bytes);
        self.wire.write_all(&records).await.unwrap();
    }

    async fn hears(&mut self, count: usize) -> &[u8] {
        while self.far.heard.len() < count {
            self.take().await;
        }
        &self.far.heard
    }
}
