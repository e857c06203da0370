//! Clients that stop, dribble or do not read, at every stage of the handshake: all are gone at the
//! deadline, and none a moment before its time was up for the wrong reason.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::certificates::Authority;
use super::client::Client;
use super::client::startup;
use super::handshake_model::ALL;
use super::handshake_model::Sent;
use super::handshake_model::messages;
use super::login::log_in;
use super::login::reason;
use super::world::PASSWORD;
use super::world::World;
use crate::config::Listener;
use crate::config::ListenerTls;
use crate::edge::Outcome;
use crate::telemetry::RefusalReason;

const TIMEOUT: Duration = Duration::from_secs(15);

fn world(authority: &Authority) -> World {
    let (files, _) = authority.server("db", &["db.example.com"]);
    World::new(Listener {
        tls: ListenerTls::Allow,
        tls_certificates: vec![files],
        ..Listener::default()
    })
}

fn message(sent: Sent) -> Vec<u8> {
    let place = ALL.iter().position(|other| *other == sent).unwrap();
    messages()[place].clone()
}

/// The stages: what is sent whole, one after the other, and then the message in the middle of which
/// the client stops.
fn stages() -> Vec<(Vec<Sent>, Sent)> {
    vec![
        (vec![], Sent::SslRequest),
        (vec![], Sent::ClientHello),
        (vec![], Sent::StartupMessage),
        (vec![], Sent::CancelRequest),
        (vec![Sent::GssencRequest], Sent::StartupMessage),
        (vec![Sent::SslRequest], Sent::ClientHello),
        (vec![Sent::StartupMessage], Sent::SaslInitialResponse),
        (
            vec![Sent::StartupMessage, Sent::SaslInitialResponse],
            Sent::SaslInitialResponse,
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_anywhere_is_gone_at_the_deadline() {
    let authority = Authority::new();
    let world = world(&authority);
    for (whole, half) in stages() {
        let half_message = message(half);
        for bytes in [0, 1, half_message.len() / 2, half_message.len() - 1] {
            let start = Instant::now();
            let (mut stream, serving) = world.connect();
            let stopping = async {
                for sent in &whole {
                    stream.write_all(&message(*sent)).await.unwrap();
                    // Answered before the next: nothing may stand behind a request.
                    assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
                }
                stream.write_all(&half_message[..bytes]).await.unwrap();
                // A refusal may still come, and then the end.
                let mut received = Vec::new();
                stream.read_to_end(&mut received).await.unwrap();
                (start.elapsed(), received)
            };
            let (outcome, (noticed, received)) = tokio::join!(Box::pin(serving), stopping);
            let stage = format!("{whole:?} {half:?} {bytes}");
            assert_eq!(reason(&outcome), RefusalReason::LoginTimeout, "{stage}");
            assert_eq!(noticed, TIMEOUT, "{stage}");
            // Who was asked for a password is told why it was not waited for any longer.
            let is_told = received.windows(5).any(|window| window == b"57014");
            assert_eq!(is_told, whole.contains(&Sent::StartupMessage), "{stage}");
            assert!(world.is_empty(), "{stage}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_buys_no_time() {
    let authority = Authority::new();
    let world = world(&authority);
    for (whole, half) in stages() {
        let start = Instant::now();
        let (mut stream, serving) = world.connect();
        let dribbling = async {
            for sent in &whole {
                stream.write_all(&message(*sent)).await.unwrap();
                assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
            }
            let mut interval = tokio::time::interval(Duration::from_secs(4));
            for byte in message(half) {
                interval.tick().await;
                if stream.write_u8(byte).await.is_err() {
                    break;
                }
            }
        };
        let serving = async {
            let outcome = Box::pin(serving).await;
            (outcome, start.elapsed())
        };
        let ((outcome, took), ()) = tokio::join!(serving, dribbling);
        assert_eq!(reason(&outcome), RefusalReason::LoginTimeout, "{half:?}");
        assert_eq!(took, TIMEOUT, "{half:?}");
        assert!(world.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_gone_at_the_deadline() {
    let authority = Authority::new();
    let world = world(&authority).with_pipes_of(4);
    let start = Instant::now();
    let (mut stream, serving) = world.connect();
    let (outcome, ()) = tokio::join!(Box::pin(serving), async {
        stream
            .write_all(&startup(&[("user", "app.acme")]))
            .await
            .unwrap();
    });
    assert_eq!(reason(&outcome), RefusalReason::LoginTimeout);
    assert_eq!(start.elapsed(), TIMEOUT);
    drop(stream);
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_stays_is_left_soon_after() {
    let world = World::new(Listener::default());
    let start = Instant::now();
    let (stream, serving) = world.connect();
    let mut client = Client::new(stream);
    let (outcome, ()) = tokio::join!(Box::pin(serving), async {
        client.send(&startup(&[("user", "nameless")])).await;
        assert!(client.message().await.unwrap().in_words().contains("28000"));
        assert!(client.message().await.is_none(), "the end was not sent");
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
    assert_eq!(reason(&outcome), RefusalReason::TenantUnnamed);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_dropped_anywhere_leaves_nothing_behind() {
    let world = World::new(Listener::default());
    let mut finished_count = 0;
    for polls in 0..20 {
        let (stream, serving) = world.connect();
        let mut serving = Box::pin(serving);
        let mut client = Client::new(stream);
        let mut logging_in = Box::pin(async {
            client.send(&startup(&[("user", "app.acme")])).await;
            client.scram_or_end(PASSWORD, None).await
        });
        for _ in 0..polls {
            tokio::select! {
                biased;
                outcome = &mut serving => {
                    assert!(matches!(outcome, Outcome::Session(_)));
                    finished_count += 1;
                    break;
                },
                _ = &mut logging_in => break,
                () = tokio::task::yield_now() => {},
            }
        }
        drop((serving, logging_in));
        assert!(world.is_empty(), "{polls}");
    }
    assert!((1..19).contains(&finished_count), "{finished_count}");
}

#[tokio::test(start_paused = true)]
async fn two_thousand_slow_senders_at_every_stage_do_not_delay_an_honest_client() {
    let authority = Authority::new();
    let world = Rc::new(world(&authority).with_node(|node| {
        node.max_unauthenticated = 5_000;
        node.max_unauthenticated_per_address = 5_000;
    }));
    let start = Instant::now();
    let set = tokio::task::LocalSet::new();
    let stages = stages();
    for (number, (whole, half)) in (0..2_000).zip(stages.iter().cycle()) {
        let (world, whole, half) = (Rc::clone(&world), whole.clone(), message(*half));
        drop(set.spawn_local(async move {
            let (mut stream, serving) = world.connect();
            tokio::join!(Box::pin(serving), async {
                for sent in &whole {
                    stream.write_all(&message(*sent)).await.unwrap();
                    assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
                }
                // Each stops somewhere else.
                let bytes = number % half.len();
                stream.write_all(&half[..bytes]).await.unwrap();
                stream.read_to_end(&mut Vec::new()).await.unwrap();
            })
        }));
    }
    set.run_until(async {
        while world.gate.backlog.in_all() < 2_000 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            let packet = startup(&[("user", "app.acme")]);
            let (outcome, ..) = log_in(&world, &packet, PASSWORD).await;
            assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(world.gate.backlog.in_all(), 2_000);
    })
    .await;
    set.await;
    assert_eq!(start.elapsed(), TIMEOUT);
    assert!(world.is_empty());
}
