//! Limits on who stands unauthenticated, restrictions on who cancels, and the line that each
//! connection's end is logged with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use super::client::Client;
use super::client::startup;
use super::login::log_in;
use super::login::reason;
use super::world::Cancels;
use super::world::PASSWORD;
use super::world::World;
use crate::config::Listener;
use crate::config::ProxyProtocol;
use crate::edge::Canceled;
use crate::edge::ClosedReason;
use crate::edge::Outcome;
use crate::telemetry::RefusalReason;

#[tokio::test(start_paused = true)]
async fn connections_above_the_limit_in_all_are_closed_without_a_byte() {
    let world = World::with(Listener::default(), |config| {
        config.node.max_unauthenticated = 1;
    });
    let (_first, waiting) = world.connect();
    let mut waiting = Box::pin(waiting);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), &mut waiting)
            .await
            .is_err()
    );
    let (stream, serving) = world.connect();
    let (outcome, told) = tokio::join!(Box::pin(serving), async {
        Client::new(stream).transcript().await
    });
    assert_eq!(told, "");
    assert_eq!(reason(&outcome), RefusalReason::Backlog);
    drop(waiting);
    let (outcome, ..) = log_in(&world, &startup(&[("user", "app.acme")]), PASSWORD).await;
    assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn one_address_behind_a_balancer_cannot_take_the_places_of_another() {
    let listener = Listener {
        proxy_protocol: ProxyProtocol::V1,
        trusted_proxies: vec!["198.51.100.7/32".parse().unwrap()],
        ..Listener::default()
    };
    let world = World::with(listener, |config| {
        config.node.max_unauthenticated_per_address = 1;
    });
    let header = |source: &str| format!("PROXY TCP4 {source} 10.0.0.1 1 2\r\n").into_bytes();
    let (stream, waiting) = world.connect();
    let mut slow = Client::new(stream);
    slow.send(&header("203.0.113.1")).await;
    let mut waiting = Box::pin(waiting);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), &mut waiting)
            .await
            .is_err()
    );

    let log_in = async |source| {
        let packet = [header(source), startup(&[("user", "app.acme")])].concat();
        let (stream, serving) = world.connect();
        let (outcome, _) = tokio::join!(Box::pin(serving), async {
            let mut client = Client::new(stream);
            client.send(&packet).await;
            client.scram_or_end(PASSWORD, None).await
        });
        outcome
    };
    assert_eq!(
        reason(&log_in("203.0.113.1").await),
        RefusalReason::BacklogByAddress
    );
    assert!(matches!(log_in("203.0.113.2").await, Outcome::Session(_)));
    drop(waiting);
    assert!(matches!(log_in("203.0.113.1").await, Outcome::Session(_)));
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_place_of_a_login_is_free_as_soon_as_it_is_over() {
    let world = World::with(Listener::default(), |config| {
        config.node.max_unauthenticated = 1;
        config.node.max_unauthenticated_per_address = 1;
    });
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let (outcome, ..) = log_in(&world, &startup(&[("user", "app.acme")]), PASSWORD).await;
        assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
        sessions.push(outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_request_from_a_network_that_may_not_log_in_cancels_nothing() {
    let world = World::with(Listener::default(), |config| {
        let tenant = Arc::make_mut(config.tenants.get_mut("acme").unwrap());
        tenant.network.deny = vec!["198.51.100.0/24".parse().unwrap()];
    });
    let (process_id, secret) = Cancels::KEY;
    let mut packet = vec![0, 0, 0, 16, 4, 210, 22, 46];
    packet.extend(process_id.to_be_bytes());
    packet.extend(secret);
    let cancel = async |peer: &str| {
        let (stream, serving) = world.connect_from(peer.parse::<SocketAddr>().unwrap());
        let (outcome, ()) = tokio::join!(Box::pin(serving), async {
            Client::new(stream).send(&packet).await;
        });
        let Outcome::Closed(closed) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(closed.tenant.unwrap().name(), "acme");
        closed.reason
    };
    let reason = cancel("198.51.100.9:1").await;
    assert!(
        matches!(reason, ClosedReason::Cancel(Canceled::Denied(..))),
        "{reason:?}"
    );
    assert!(world.cancels.canceled.lock().unwrap().is_empty());
    let reason = cancel("192.0.2.1:1").await;
    assert!(
        matches!(reason, ClosedReason::Cancel(Canceled::HandedOn(_))),
        "{reason:?}"
    );
    assert_eq!(world.cancels.canceled.lock().unwrap().len(), 1);
}

/// A page that a log is written on.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn every_end_at_the_edge_is_one_line_with_tenant_client_and_reason() {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With one dispatcher alone, whether a line is wanted is decided by whichever thread comes to it
    // first, and other tests run on threads that want none.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new(Listener::default());
    for (user, expected) in [
        (
            "app.acme",
            &["tenant=\"acme\"", "reason=\"authentication\""][..],
        ),
        ("app.walled", &["tenant=\"walled\"", "reason=\"network\""]),
        (
            "a\nINFO b.nosuch",
            &["reason=\"tenant_unknown\"", "user=\"a\\nINFO b\""],
        ),
    ] {
        log_in(&world, &startup(&[("user", user)]), "wrong").await;
        let line = std::mem::take(&mut *page.0.lock().unwrap());
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.contains("tidegate::connection"), "{line}");
        assert!(line.contains("client=198.51.100.7:4711"), "{line}");
        for part in expected {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("tenant=\"nosuch\""), "{line}");
    }
    // A client that leaves when it is asked for a password is refused nothing.
    let (stream, serving) = world.connect();
    let (outcome, ()) = tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(stream);
        client.send(&startup(&[("user", "app.acme")])).await;
        client.message().await.unwrap();
    });
    assert!(matches!(outcome, Outcome::Closed(_)), "{outcome:?}");
    let line = String::from_utf8(std::mem::take(&mut *page.0.lock().unwrap())).unwrap();
    assert!(line.contains("reason=\"left\""), "{line}");
    // Nobody's password, and no line for a probe or for who is let in: the session writes that.
    let (stream, serving) = world.connect();
    drop(stream);
    Box::pin(serving).await;
    log_in(&world, &startup(&[("user", "app.acme")]), PASSWORD).await;
    let rest = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert_eq!(rest, "");
}
