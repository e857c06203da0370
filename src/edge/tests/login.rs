//! Logins without TLS: who gets in, as whom, and what the others are told.

use std::rc::Rc;
use std::time::Duration;

use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::startup::GssencRequest;
use tidegate_proto::startup::ProtocolVersion;
use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use super::client::Client;
use super::client::startup;
use super::client::startup_of;
use super::world::Cancels;
use super::world::PASSWORD;
use super::world::World;
use crate::config::Listener;
use crate::config::PoolMode;
use crate::config::Refusals;
use crate::edge::ClosedReason;
use crate::edge::Outcome;
use crate::telemetry::RefusalReason;

/// Sends `packet`, answers what it is asked with `password`, and gives all that the server sent.
pub(super) async fn log_in(
    world: &World,
    packet: &[u8],
    password: &str,
) -> (Outcome, Vec<u8>, String) {
    let (stream, serving) = world.connect();
    let client = async {
        let mut client = Client::new(stream);
        client.send(packet).await;
        let last = client.scram(password, None).await.in_words();
        (client.received, last)
    };
    // Nothing may wait for ever: without a timer the virtual clock would stand still.
    let both = async { tokio::join!(Box::pin(serving), client) };
    let limit = Duration::from_mins(1);
    let (outcome, (received, last)) = tokio::time::timeout(limit, both).await.unwrap();
    (outcome, received, last)
}

pub(super) fn reason(outcome: &Outcome) -> RefusalReason {
    match outcome {
        Outcome::Closed(closed) => match &closed.reason {
            ClosedReason::Failed(error) => error.reason().unwrap(),
            ClosedReason::Cancel(_) => panic!("{closed:?}"),
        },
        Outcome::Session(_) | Outcome::Operator(_) => panic!("{outcome:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_with_its_password_arrives() {
    let world = World::new(Listener::default());
    let parameters = [("user", "app.acme"), ("application_name", "test")];
    let (outcome, _, last) = log_in(&world, &startup(&parameters), PASSWORD).await;
    assert_eq!(last, "Authentication");
    let Outcome::Session(arrival) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        (arrival.tenant.name(), &*arrival.user.name),
        ("acme", "app")
    );
    assert_eq!(
        (arrival.key.database(), &*arrival.database_label),
        ("app_on_server", "app")
    );
    let name = ("application_name".to_owned(), "test".to_owned());
    assert_eq!(arrival.parameters, [name]);
    assert!(arrival.client_keys.is_some());
    assert_eq!(world.gate.backlog.in_all(), 0);
    drop(arrival);
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_password_in_the_clear_lets_in_and_reveals_no_keys() {
    let world = World::new(Listener::default());
    // The second time, the keys are remembered.
    for _ in 0..2 {
        let (outcome, ..) = log_in(&world, &startup(&[("user", "clear.acme")]), PASSWORD).await;
        let Outcome::Session(arrival) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(
            arrival.client_keys.is_none(),
            "no server stores this secret"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_user_transcript_equal() {
    let world = World::new(Listener::default());
    let mut transcripts = Vec::new();
    for user in ["app", "clear", "keyless", "nobody", "nobody"].map(|user| format!("{user}.acme")) {
        let (outcome, received, last) = log_in(&world, &startup(&[("user", &user)]), "wrong").await;
        assert_eq!(reason(&outcome), RefusalReason::Authentication);
        let name = user.strip_suffix(".acme").unwrap();
        let expected = format!("FATAL 28P01 password authentication failed for user \"{name}\"");
        assert_eq!(last, expected);
        // The name is the client's own, and so is its length; the salt belongs to the name.
        transcripts.push(String::from_utf8_lossy(&received).replace(name, "USER"));
    }
    let shape = |transcript: &str| {
        let (before, rest) = transcript.split_once(",s=").unwrap();
        let (salt, after) = rest.split_once(",i=").unwrap();
        let before = before.rsplit_once("r=").unwrap();
        (
            before.1.len(),
            salt.len(),
            after.chars().take(4).collect::<String>(),
        )
    };
    for transcript in &transcripts {
        assert_eq!(shape(transcript), shape(&transcripts[0]));
    }
    assert_eq!(
        transcripts[3], transcripts[4],
        "the salt of nobody is stable"
    );
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_blocked_network_and_an_unknown_tenant_are_told_the_same() {
    let world = World::new(Listener::default());
    let mut told = Vec::new();
    for (tenant, why) in [
        ("walled", RefusalReason::Network),
        ("missing", RefusalReason::TenantUnknown),
    ] {
        let packet = startup(&[("user", &format!("app.{tenant}"))]);
        let (outcome, received, last) = log_in(&world, &packet, PASSWORD).await;
        assert_eq!(reason(&outcome), why);
        assert!(
            last.contains("28000") && last.contains("198.51.100.7"),
            "{last}"
        );
        told.push(String::from_utf8(received).unwrap().replace(tenant, "T"));
    }
    // The one length that differs is that of the name the client itself gave.
    assert_eq!(told[0].split_at(5).1, told[1].split_at(5).1);
}

#[tokio::test(start_paused = true)]
async fn opaque_refusals_all_look_like_a_wrong_password() {
    let world = World::with(Listener::default(), |config| {
        config.node.refusals = Refusals::Opaque;
    });
    let mut told = Vec::new();
    for (user, why) in [
        ("app.walled", RefusalReason::Network),
        ("app.nosuch", RefusalReason::TenantUnknown),
        ("app.acme", RefusalReason::Authentication),
        ("nob.acme", RefusalReason::Authentication),
    ] {
        // The blocked client knows the right password, and it does not help.
        let password = if user == "app.walled" {
            PASSWORD
        } else {
            "wrong"
        };
        let (outcome, received, last) = log_in(&world, &startup(&[("user", user)]), password).await;
        assert_eq!(reason(&outcome), why, "{user}");
        assert!(last.starts_with("FATAL 28P01"), "{last}");
        told.push(received.len());
    }
    assert!(told.iter().all(|bytes| *bytes == told[0]), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_the_tenant_does_not_serve_is_refused_after_the_password() {
    let world = World::new(Listener::default());
    let packet = startup(&[("user", "app.acme"), ("database", "other")]);
    let (outcome, _, last) = log_in(&world, &packet, PASSWORD).await;
    assert_eq!(reason(&outcome), RefusalReason::Database);
    assert_eq!(last, "FATAL 3D000 database \"other\" does not exist");
    let (outcome, _, last) = log_in(&world, &packet, "wrong").await;
    assert_eq!(reason(&outcome), RefusalReason::Authentication);
    assert!(last.contains("28P01"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn replication_needs_session_mode() {
    let packet = startup(&[("user", "app.acme"), ("replication", "database")]);
    let (outcome, _, last) = log_in(&World::new(Listener::default()), &packet, PASSWORD).await;
    assert_eq!(reason(&outcome), RefusalReason::Startup);
    assert!(last.contains("0A000"), "{last}");
    let world = World::new(Listener {
        pool_mode: Some(PoolMode::Session),
        ..Listener::default()
    });
    let (outcome, ..) = log_in(&world, &packet, PASSWORD).await;
    let Outcome::Session(arrival) = outcome else {
        panic!("{outcome:?}");
    };
    assert_ne!(
        arrival.replication,
        tidegate_proto::startup::Replication::None
    );
    assert_eq!(arrival.pool_mode, PoolMode::Session);
}

#[tokio::test(start_paused = true)]
async fn a_client_from_the_future_is_told_what_is_spoken_and_gets_in() {
    let world = World::new(Listener::default());
    let grease = ProtocolVersion {
        major: 3,
        minor: 9999,
    };
    let packet = startup_of(grease, &[("user", "app.acme"), ("_pq_.test_grease", "1")]);
    let (stream, serving) = world.connect();
    let (outcome, ()) = tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(stream);
        client.send(&packet).await;
        let negotiate = client.message().await.unwrap();
        assert_eq!(negotiate.in_words(), "NegotiateProtocolVersion");
        assert!(client.scram(PASSWORD, None).await.is_authentication_ok());
    });
    let Outcome::Session(arrival) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(arrival.protocol_minor, 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_request_is_handed_on_without_an_answer() {
    let world = World::new(Listener::default());
    let (process_id, secret) = Cancels::KEY;
    for (secret, is_known) in [(secret, true), (b"mist".as_slice(), false)] {
        let (stream, serving) = world.connect();
        let mut packet = vec![0, 0, 0, 16, 4, 210, 22, 46];
        packet.extend(process_id.to_be_bytes());
        packet.extend(secret);
        let (outcome, transcript) = tokio::join!(Box::pin(serving), async {
            let mut client = Client::new(stream);
            client.send(&packet).await;
            client.transcript().await
        });
        assert_eq!(transcript, "");
        assert!(matches!(outcome, Outcome::Closed(_)));
        let canceled = std::mem::take(&mut *world.cancels.canceled.lock().unwrap());
        assert_eq!(canceled.len(), usize::from(is_known));
    }
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn password_before_startup_cve_2015_4054() {
    let world = World::new(Listener::default());
    let mut password = Vec::new();
    PasswordMessage {
        password: PASSWORD.as_bytes(),
    }
    .encode(&mut password)
    .unwrap();
    for packet in [
        password.clone(),
        [&password[..], &startup(&[("user", "app.acme")])].concat(),
    ] {
        let (stream, serving) = world.connect();
        let (outcome, told) = tokio::join!(Box::pin(serving), async {
            let mut client = Client::new(stream);
            client.send(&packet).await;
            client.transcript().await
        });
        assert_eq!(told, "");
        assert_eq!(reason(&outcome), RefusalReason::Startup);
    }
}

#[tokio::test(start_paused = true)]
async fn startup_ssl_gss_alternating_cve_2026_6479() {
    let world = World::new(Listener::default());
    for rounds in 1..4 {
        let (mut stream, serving) = world.connect();
        let (outcome, answers) = tokio::join!(Box::pin(serving), async {
            let mut answers = Vec::new();
            for request in [SslRequest::BYTES, GssencRequest::BYTES]
                .iter()
                .cycle()
                .take(rounds * 2)
            {
                stream.write_all(request).await.unwrap();
                let mut answer = [0; 1];
                stream.read_exact(&mut answer).await.unwrap();
                answers.extend(answer);
                if answer != [SslRequest::REFUSED] {
                    break;
                }
            }
            drop(stream);
            answers
        });
        // Each may be asked for once; the third request is an error, and the end.
        let expected = if rounds == 1 { &b"NN"[..] } else { b"NNE" };
        assert_eq!(answers, expected);
        assert!(matches!(outcome, Outcome::Closed(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn parallel_guesses_are_refused_even_with_the_right_password() {
    let world = World::with(Listener::default(), |config| {
        config.node.login_failures_before_delay = 3;
        config.node.max_unauthenticated_per_address = 1000;
    });
    // All begin before the first has failed; the right password is among the last.
    let set = tokio::task::LocalSet::new();
    let world = Rc::new(world);
    let begun = Rc::new(tokio::sync::Barrier::new(20));
    let mut guesses = Vec::new();
    for number in 0..20 {
        let (world, begun) = (Rc::clone(&world), Rc::clone(&begun));
        let password = if number == 19 { PASSWORD } else { "wrong" };
        guesses.push(set.spawn_local(async move {
            let (stream, serving) = world.connect();
            let (outcome, _) = tokio::join!(Box::pin(serving), async {
                let mut client = Client::new(stream);
                client.send(&startup(&[("user", "app.acme")])).await;
                let challenge = client.message().await.unwrap();
                begun.wait().await;
                client.answer_scram(challenge, password, None).await
            });
            outcome
        }));
    }
    set.await;
    let mut reasons = Vec::new();
    for guess in guesses {
        reasons.push(reason(&guess.await.unwrap()));
    }
    let count = |wanted| reasons.iter().filter(|reason| **reason == wanted).count();
    assert_eq!(count(RefusalReason::Authentication), 3);
    assert_eq!(count(RefusalReason::Throttle), 17);
}
