//! Every sequence of up to four messages of a handshake, against a model of what may happen: no
//! panic, no hang past the deadline, no step out of order, nothing left behind.
//!
//! One after the other, the model predicts each answer. All at once, what stands behind a request
//! for encryption must close the connection, and the rest holds as before.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::certificates::Authority;
use super::handshake_model::ALL;
use super::handshake_model::Kind;
use super::handshake_model::OPENING;
use super::handshake_model::Sent;
use super::handshake_model::State;
use super::handshake_model::in_words;
use super::handshake_model::messages;
use super::handshake_model::step;
use super::world::World;
use crate::config::AuthType;
use crate::config::Listener;
use crate::config::ListenerTls;
use crate::config::ProxyProtocol;
use crate::edge::Outcome;

fn world(kind: Kind, authority: &Authority) -> World {
    let (tls, tls_certificates) = match kind {
        Kind::Tls => {
            let (files, _) = authority.server("db", &["db.example.com"]);
            (ListenerTls::Allow, vec![files])
        },
        Kind::Plain | Kind::Proxied | Kind::Trusting => (ListenerTls::Disable, Vec::new()),
    };
    let listener = Listener {
        tls,
        tls_certificates,
        proxy_protocol: match kind {
            Kind::Proxied => ProxyProtocol::V1AndV2,
            Kind::Plain | Kind::Tls | Kind::Trusting => ProxyProtocol::Off,
        },
        trusted_proxies: vec!["198.51.100.0/24".parse().unwrap()],
        auth_type: match kind {
            Kind::Trusting => AuthType::Trust,
            Kind::Plain | Kind::Tls | Kind::Proxied => AuthType::ScramSha256,
        },
        ..Listener::default()
    };
    World::with(listener, |config| {
        config.node.login_failure_delay = Duration::ZERO;
    })
}

/// Every sequence of one to four messages; nothing follows an end.
fn sequences() -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    let mut longest = vec![Vec::new()];
    for _ in 0..4 {
        longest = longest
            .iter()
            .filter(|sequence: &&Vec<usize>| {
                sequence.last().is_none_or(|last| ALL[*last] != Sent::End)
            })
            .flat_map(|sequence| (0..ALL.len()).map(move |next| [&sequence[..], &[next]].concat()))
            .collect();
        all.extend(longest.iter().cloned());
    }
    all
}

/// What has arrived so far, and whether the stream has ended.
async fn arrived(stream: &mut DuplexStream, received: &mut Vec<u8>) -> bool {
    poll_fn(|context| {
        let mut bytes = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(true),
                Poll::Ready(Ok(())) => received.extend_from_slice(buffer.filled()),
                Poll::Ready(Err(_)) => return Poll::Ready(true),
                Poll::Pending => return Poll::Ready(false),
            }
        }
    })
    .await
}

/// Sends a sequence, each message when the one before it was answered. Gives what the model says
/// and what was seen.
async fn one_by_one(
    kind: Kind,
    stream: DuplexStream,
    sequence: &[usize],
    messages: &[Vec<u8>; 10],
) -> (String, String) {
    let mut stream = Some(stream);
    let mut settled = tokio::time::interval(Duration::from_secs(1));
    settled.tick().await;
    let mut state = match kind {
        Kind::Proxied => State::Proxy,
        Kind::Plain | Kind::Tls | Kind::Trusting => OPENING,
    };
    let (mut expected, mut seen) = (String::new(), String::new());
    for sent in sequence {
        let (next, answer) = step(kind, state, ALL[*sent]);
        let Some(open) = &mut stream else { break };
        if ALL[*sent] == Sent::End {
            open.shutdown().await.unwrap();
        } else if state != State::Over {
            open.write_all(&messages[*sent]).await.unwrap();
        }
        // The virtual clock moves only when nobody has anything left to do.
        settled.tick().await;
        let mut received = Vec::new();
        let has_ended = arrived(open, &mut received).await;
        write!(expected, "{:?}→{answer} ", ALL[*sent]).unwrap();
        write!(seen, "{:?}→{} ", ALL[*sent], in_words(&received, has_ended)).unwrap();
        if has_ended {
            stream = None;
        }
        if next == State::Over {
            break;
        }
        state = next;
    }
    // Until the deadline, if the connection is still open.
    if let Some(stream) = &mut stream {
        while !arrived(stream, &mut Vec::new()).await && state != State::Over {
            settled.tick().await;
        }
    }
    (expected, seen)
}

#[tokio::test(start_paused = true)]
async fn every_sequence_of_four_messages_is_answered_as_the_model_says() {
    let authority = Authority::new();
    let (messages, sequences) = (messages(), sequences());
    assert_eq!(sequences.len(), 10 + 9 * 10 + 81 * 10 + 729 * 10);
    for kind in [Kind::Plain, Kind::Tls, Kind::Proxied, Kind::Trusting] {
        let world = world(kind, &authority);
        for sequence in &sequences {
            let start = Instant::now();
            let (stream, serving) = world.connect();
            let serving = async {
                let outcome = Box::pin(serving).await;
                let took = start.elapsed();
                (matches!(outcome, Outcome::Session(_)), took)
            };
            let talking = one_by_one(kind, stream, sequence, &messages);
            let ((is_in, took), (expected, seen)) = tokio::join!(serving, talking);
            assert_eq!(seen, expected, "{kind:?}");
            assert!(took <= Duration::from_secs(15), "{kind:?} {seen}");
            assert!(!is_in || kind == Kind::Trusting, "{kind:?} {seen}");
            assert!(world.is_empty(), "{kind:?} {seen}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_sequence_of_four_messages_in_one_segment_ends_in_time() {
    let authority = Authority::new();
    let (messages, sequences) = (messages(), sequences());
    for kind in [Kind::Plain, Kind::Tls, Kind::Proxied, Kind::Trusting] {
        let world = world(kind, &authority);
        for sequence in &sequences {
            let named: Vec<_> = sequence.iter().map(|sent| ALL[*sent]).collect();
            let start = Instant::now();
            let (mut stream, serving) = world.connect();
            let segment: Vec<u8> = sequence
                .iter()
                .flat_map(|sent| messages[*sent].iter().copied())
                .collect();
            let talking = async {
                stream.write_all(&segment).await.unwrap();
                if named.last() == Some(&Sent::End) {
                    stream.shutdown().await.unwrap();
                }
                let mut received = Vec::new();
                let mut settled = tokio::time::interval(Duration::from_secs(1));
                while settled.tick().await < start + Duration::from_secs(16)
                    && !arrived(&mut stream, &mut received).await
                {}
                received
            };
            let (outcome, received) = tokio::join!(Box::pin(serving), talking);
            assert!(
                start.elapsed() <= Duration::from_secs(17),
                "{kind:?} {named:?}"
            );
            let is_in = matches!(outcome, Outcome::Session(_));
            drop(outcome);
            assert!(world.is_empty(), "{kind:?} {named:?}");
            let spoken = match kind {
                Kind::Proxied => named.strip_prefix(&[Sent::ProxyHeader]),
                Kind::Plain | Kind::Tls | Kind::Trusting => Some(&named[..]),
            };
            let begins_with = |sent| spoken.and_then(<[_]>::first) == Some(&sent);
            let may_be_in = kind == Kind::Trusting && begins_with(Sent::StartupMessage);
            assert_eq!(is_in, may_be_in, "{kind:?} {named:?}");
            // Only an end may stand behind a request for encryption.
            let asks = begins_with(Sent::SslRequest) || begins_with(Sent::GssencRequest);
            if asks && spoken.is_some_and(|spoken| spoken.len() > 1 && spoken[1] != Sent::End) {
                assert_eq!(received, b"", "{kind:?} {named:?}");
            }
        }
    }
}
