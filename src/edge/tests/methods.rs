//! Every way to prove who one is, and where secrets come from.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tidegate_proto::backend::Authentication;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::certificates::Authority;
use super::client::Client;
use super::client::startup;
use super::login::log_in;
use super::login::reason;
use super::tls::encrypted;
use super::world::PASSWORD;
use super::world::World;
use super::world::user;
use crate::admin::access::Role;
use crate::auth::Credentials;
use crate::auth::LookedUp;
use crate::auth::Secret;
use crate::config;
use crate::config::AuthQuery;
use crate::config::AuthType;
use crate::config::Console;
use crate::config::Listener;
use crate::config::ListenerTls;
use crate::config::SecretText;
use crate::edge;
use crate::edge::Accepted;
use crate::edge::Answer;
use crate::edge::LookupError;
use crate::edge::Outcome;
use crate::edge::Question;
use crate::edge::SecretLookups;
use crate::net::Transport;
use crate::telemetry::RefusalReason;

fn listener(auth_type: AuthType) -> Listener {
    Listener {
        auth_type,
        ..Listener::default()
    }
}

/// Answers a request for a password, in the clear or hashed. Gives what was said to it.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    name: &str,
    password: &str,
) -> String {
    let message = client.message().await.unwrap();
    let mut out = Vec::new();
    match Authentication::decode(&message.body) {
        Ok(Authentication::CleartextPassword) => {
            let password = password.as_bytes();
            PasswordMessage { password }.encode(&mut out).unwrap();
        },
        Ok(Authentication::Md5Password { salt }) => {
            let secret = Md5Secret::from_password(password.as_bytes(), name.as_bytes());
            let password = &secret.answer(salt)[..];
            PasswordMessage { password }.encode(&mut out).unwrap();
        },
        _ => return message.in_words(),
    }
    client.send(&out).await;
    client.message().await.unwrap().in_words()
}

#[tokio::test(start_paused = true)]
async fn md5_is_answered_with_the_name_that_was_sent_and_a_verifier_by_scram() {
    let world = World::new(listener(AuthType::Md5));
    for (password, is_in) in [(PASSWORD, true), ("wrong", false)] {
        let (stream, serving) = world.connect();
        let (outcome, last) = tokio::join!(Box::pin(serving), async {
            let mut client = Client::new(stream);
            client.send(&startup(&[("user", "clear.acme")])).await;
            answer(&mut client, "clear.acme", password).await
        });
        assert_eq!(last == "Authentication", is_in, "{last}");
        assert_eq!(matches!(outcome, Outcome::Session(_)), is_in, "{outcome:?}");
    }
    let (outcome, ..) = log_in(&world, &startup(&[("user", "app.acme")]), PASSWORD).await;
    assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_password_itself_is_asked_for_over_tls_only() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(Listener {
        tls: ListenerTls::Allow,
        tls_certificates: vec![files],
        ..listener(AuthType::Plain)
    });
    for (user, password, is_in) in [
        ("app", PASSWORD, true),
        ("app", PASSWORD, true),
        ("clear", PASSWORD, true),
        ("app", "wrong", false),
        ("clear", "", false),
        ("nobody", "wrong", false),
    ] {
        let name = format!("{user}.acme");
        let (stream, serving) = world.connect();
        let (outcome, last) = tokio::join!(Box::pin(serving), async {
            let mut client = Client::new(encrypted(&authority, stream).await);
            client.send(&startup(&[("user", &name)])).await;
            answer(&mut client, &name, password).await
        });
        assert_eq!(last == "Authentication", is_in, "{name} {last}");
        assert_eq!(matches!(outcome, Outcome::Session(_)), is_in, "{outcome:?}");
    }
    let (outcome, _, last) = log_in(&world, &startup(&[("user", "app.acme")]), PASSWORD).await;
    assert_eq!(last, "FATAL 28000 password authentication requires TLS");
    assert_eq!(reason(&outcome), RefusalReason::Authentication);
}

#[tokio::test(start_paused = true)]
async fn trust_lets_in_who_exists_and_keeps_what_it_sent_too_early() {
    let world = World::new(listener(AuthType::Trust));
    let (stream, serving) = world.connect();
    let (outcome, mut client) = tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(stream);
        let packet = [&startup(&[("user", "keyless.walled")])[..], b"early"].concat();
        client.send(&packet).await;
        client
    });
    // 198.51.100.7 is not admitted there, trusted or not.
    assert_eq!(reason(&outcome), RefusalReason::Network);
    assert!(client.transcript().await.contains("28000"));

    let (stream, serving) = world.connect();
    let (outcome, ()) = tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(stream);
        let packet = [&startup(&[("user", "app.acme")])[..], b"early"].concat();
        client.send(&packet).await;
        assert!(client.message().await.unwrap().is_authentication_ok());
    });
    let Outcome::Session(mut arrival) = outcome else {
        panic!("{outcome:?}");
    };
    let mut early = [0; 5];
    arrival.socket.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"early");

    let (outcome, _, last) = log_in(&world, &startup(&[("user", "nobody.acme")]), "").await;
    assert_eq!(reason(&outcome), RefusalReason::Authentication);
    assert!(last.contains("28P01"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn that_a_client_is_in_is_left_to_its_session_to_say() {
    let world = World::new(listener(AuthType::Trust));
    let (mut far, near) = tokio::io::duplex(1024);
    far.write_all(&startup(&[("user", "app.acme")]))
        .await
        .unwrap();
    let local = Some("192.0.2.1:6432".parse().unwrap());
    let accepted = Accepted {
        transport: Transport::in_memory(near),
        peer: world.peer,
        local,
        at: Instant::now(),
    };
    let serving = Box::pin(edge::serve(accepted, &world.listener, &world.gate));
    let Outcome::Session(arrival) = serving.await else {
        panic!("it is not in");
    };
    assert_eq!(arrival.greeting, b"R\0\0\0\x08\0\0\0\0");
    assert_eq!(arrival.local, local);
    drop(arrival);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert!(sent.is_empty(), "a second write costs as much as the first");
}

#[tokio::test(start_paused = true)]
async fn what_a_trusted_client_sends_too_early_over_tls_is_kept_too() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(Listener {
        tls: ListenerTls::Require,
        tls_certificates: vec![files],
        ..listener(AuthType::Trust)
    });
    let (stream, serving) = world.connect();
    let (outcome, _client) = tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(encrypted(&authority, stream).await);
        let packet = [&startup(&[("user", "app.acme")])[..], b"early"].concat();
        client.send(&packet).await;
        assert!(client.message().await.unwrap().is_authentication_ok());
        client
    });
    let Outcome::Session(mut arrival) = outcome else {
        panic!("{outcome:?}");
    };
    let mut early = [0; 5];
    arrival.socket.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"early");
}

#[tokio::test(start_paused = true)]
async fn whoever_fails_too_often_must_wait_even_with_the_right_password() {
    let world = World::with(Listener::default(), |config| {
        config.node.login_failures_before_delay = 2;
        config.node.login_failure_delay = Duration::from_secs(10);
    });
    let packet = startup(&[("user", "app.acme")]);
    for _ in 0..2 {
        let (outcome, ..) = log_in(&world, &packet, "wrong").await;
        assert_eq!(reason(&outcome), RefusalReason::Authentication);
    }
    let (outcome, _, last) = log_in(&world, &packet, PASSWORD).await;
    assert_eq!(reason(&outcome), RefusalReason::Throttle);
    assert!(last.starts_with("FATAL 53300"), "{last}");
    tokio::time::advance(Duration::from_secs(11)).await;
    let (outcome, ..) = log_in(&world, &packet, PASSWORD).await;
    assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
}

/// A database that knows `looked` with a password that can change, and nobody else.
struct Database {
    password: Mutex<&'static str>,
    asked: Mutex<Vec<String>>,
}

impl SecretLookups for Database {
    fn look_up<'a>(&'a self, question: Question<'a>) -> Answer<'a> {
        self.asked
            .lock()
            .unwrap()
            .push(format!("{}@{}", question.user, question.database));
        Box::pin(async move {
            let password = *self.password.lock().unwrap();
            let credentials = match question.user {
                "looked" => Credentials::Secret(Secret::parse(password).unwrap()),
                "broken" => return Err(LookupError::Failed("no route".into())),
                "slow" => std::future::pending().await,
                _ => Credentials::Unknown,
            };
            Ok(LookedUp {
                credentials,
                valid_until: None,
            })
        })
    }
}

fn looking_up() -> (World, Arc<Database>) {
    let database = Arc::new(Database {
        password: Mutex::new("first"),
        asked: Mutex::default(),
    });
    let mut world = World::with(Listener::default(), |config| {
        config.node.login_failures_before_delay = 100;
        let tenant = Arc::make_mut(config.tenants.get_mut("acme").unwrap());
        tenant.databases = None;
        tenant.auth_query = Some(AuthQuery::default());
        tenant.other_users = Arc::new(config::User {
            max_user_connections: 3,
            ..user("", None)
        });
    });
    world.gate.lookups = Some(Arc::clone(&database) as Arc<dyn SecretLookups>);
    (world, database)
}

#[tokio::test(start_paused = true)]
async fn a_user_without_a_row_is_looked_up_once_and_inherits_from_its_tenant() {
    let (world, database) = looking_up();
    let packet = startup(&[("user", "looked.acme"), ("database", "shop")]);
    for _ in 0..3 {
        let (outcome, ..) = log_in(&world, &packet, "first").await;
        let Outcome::Session(arrival) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            (&*arrival.user.name, arrival.user.max_user_connections),
            ("looked", 3)
        );
    }
    assert_eq!(*database.asked.lock().unwrap(), ["looked@shop"]);
    // A user with a secret of its own is not looked up; one without is.
    log_in(&world, &startup(&[("user", "app.acme")]), PASSWORD).await;
    log_in(&world, &startup(&[("user", "keyless.acme")]), PASSWORD).await;
    assert_eq!(
        *database.asked.lock().unwrap(),
        ["looked@shop", "keyless@keyless"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_changed_password_is_noticed_after_one_failure_and_guesses_ask_no_more() {
    let (world, database) = looking_up();
    let packet = startup(&[("user", "looked.acme")]);
    log_in(&world, &packet, "first").await;
    *database.password.lock().unwrap() = "second";
    let (outcome, ..) = log_in(&world, &packet, "second").await;
    assert_eq!(reason(&outcome), RefusalReason::Authentication);
    let (outcome, ..) = log_in(&world, &packet, "second").await;
    assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
    for _ in 0..5 {
        log_in(&world, &packet, "guess").await;
    }
    assert_eq!(database.asked.lock().unwrap().len(), 2);
    // A reload that changes the tenant forgets what was looked up.
    let mut config = world.gate.config.load().as_ref().clone();
    Arc::make_mut(config.tenants.get_mut("acme").unwrap()).max_client_conn = 7;
    world.gate.reload(&config);
    log_in(&world, &packet, "second").await;
    assert_eq!(database.asked.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_cannot_be_asked_is_not_the_clients_fault() {
    let (world, _) = looking_up();
    let (outcome, _, last) = log_in(&world, &startup(&[("user", "broken.acme")]), "x").await;
    assert!(last.starts_with("FATAL 08006"), "{last}");
    assert_eq!(reason(&outcome), RefusalReason::Authentication);
    let (outcome, _, last) = log_in(&world, &startup(&[("user", "slow.acme")]), "x").await;
    assert!(last.starts_with("FATAL 57014"), "{last}");
    assert_eq!(reason(&outcome), RefusalReason::LoginTimeout);
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn operators_are_admins_or_readers_and_nobody_else() {
    let secret = || SecretText::new(PASSWORD.to_owned());
    let world = World::with(
        Listener {
            console: true,
            ..Listener::default()
        },
        |config| {
            config.console = Some(Console {
                admin_users: vec!["root".to_owned()],
                stats_users: vec!["reader".to_owned()],
                users: ["root", "reader", "stray"]
                    .map(|name| (name.to_owned(), secret()))
                    .into(),
            });
        },
    )
    .from("127.0.0.1:1");
    let packet = |user| startup(&[("user", user), ("database", "pgbouncer")]);
    for (user, expected) in [
        ("root", Some(Role::Admin)),
        ("reader", Some(Role::Stats)),
        // It has a password and no role.
        ("stray", None),
        ("app.acme", None),
    ] {
        let (outcome, _, last) = log_in(&world, &packet(user), PASSWORD).await;
        let role = match &outcome {
            Outcome::Operator(operator) => Some(operator.role),
            Outcome::Session(_) | Outcome::Closed(_) => None,
        };
        assert_eq!(role, expected, "{user} {last}");
    }
    let (outcome, ..) = log_in(&world, &packet("root"), "wrong").await;
    assert_eq!(reason(&outcome), RefusalReason::Authentication);
    let world = world.from("192.0.2.1:1");
    let (outcome, ..) = log_in(&world, &packet("root"), PASSWORD).await;
    assert_eq!(reason(&outcome), RefusalReason::TenantUnnamed);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_for_tls_leaves_the_way_to_plaintext_open() {
    let world = World::new(Listener::default());
    let (mut stream, serving) = world.connect();
    let (outcome, ()) = tokio::join!(Box::pin(serving), async {
        stream.write_all(&SslRequest::BYTES).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), SslRequest::REFUSED);
        let mut client = Client::new(stream);
        client.send(&startup(&[("user", "app.acme")])).await;
        assert!(client.scram(PASSWORD, None).await.is_authentication_ok());
    });
    assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
}
