//! Logins over TLS: versions, names, certificates of both sides, and what is bound to them.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::version::TLS12;
use rustls::version::TLS13;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::SignatureHash;
use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::Authority;
use super::certificates::Identity;
use super::client::Client;
use super::client::startup;
use super::login::reason;
use super::world::PASSWORD;
use super::world::World;
use crate::config::AuthType;
use crate::config::CertificateFiles;
use crate::config::ClientCertificate;
use crate::config::Listener;
use crate::config::ListenerTls;
use crate::config::TlsVersion;
use crate::edge::Outcome;
use crate::edge::Terms;
use crate::edge::TlsError;
use crate::telemetry::RefusalReason;

/// How a client wants its TLS.
struct Wish {
    roots: RootCertStore,
    versions: Vec<&'static SupportedProtocolVersion>,
    name: &'static str,
    alpn: Option<&'static [u8]>,
    identity: Option<Identity>,
    is_direct: bool,
}

impl Wish {
    fn of(authority: &Authority) -> Self {
        Self {
            roots: authority.roots(),
            versions: vec![&TLS12, &TLS13],
            name: "db.example.com",
            alpn: None,
            identity: None,
            is_direct: false,
        }
    }

    async fn handshake(self, mut stream: DuplexStream) -> io::Result<TlsStream<DuplexStream>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(self.roots);
        let mut config = match self.identity {
            None => config.with_no_client_auth(),
            Some(identity) => config
                .with_client_auth_cert(identity.chain, identity.key)
                .unwrap(),
        };
        config.alpn_protocols = self.alpn.into_iter().map(<[u8]>::to_vec).collect();
        if !self.is_direct {
            stream.write_all(&SslRequest::BYTES).await?;
            let answer = stream.read_u8().await?;
            assert_eq!(answer, SslRequest::ACCEPTED);
        }
        let name = ServerName::try_from(self.name).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

/// A client's side of TLS without wishes.
pub(super) async fn encrypted(
    authority: &Authority,
    stream: DuplexStream,
) -> TlsStream<DuplexStream> {
    Wish::of(authority).handshake(stream).await.unwrap()
}

fn listener(certificates: Vec<CertificateFiles>) -> Listener {
    Listener {
        tls: ListenerTls::Require,
        tls_certificates: certificates,
        ..Listener::default()
    }
}

fn binding(certificate: &CertificateDer<'_>) -> ChannelBindingData {
    // The authority's key is ECDSA P-256 with SHA-256.
    ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, certificate)
}

/// Logs `user` in over TLS. Gives the last message in words, or `None` if TLS failed.
async fn log_in(world: &World, wish: Wish, user: &str) -> (Outcome, Option<String>) {
    let (stream, serving) = world.connect();
    tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(wish.handshake(stream).await.ok()?);
        client.send(&startup(&[("user", user)])).await;
        let certificate = {
            let (_, connection) = client.stream.get_ref();
            connection
                .peer_certificates()
                .map(|chain| binding(&chain[0]))
        };
        let message = client.scram_or_end(PASSWORD, certificate).await?;
        let mechanism = client.mechanism.map_or("none", Mechanism::as_str);
        Some(format!("{mechanism}: {}", message.in_words()))
    })
}

#[tokio::test(start_paused = true)]
async fn both_versions_of_tls_carry_a_login_bound_to_the_certificate() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(listener(vec![files]));
    // Of what the client offers, what processors have instructions for: its own first wish is another.
    for (version, agreed) in [
        (&TLS12, "TLSv1.2/TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        (&TLS13, "TLSv1.3/TLS13_AES_128_GCM_SHA256"),
    ] {
        let wish = Wish {
            versions: vec![version],
            ..Wish::of(&authority)
        };
        let (outcome, last) = log_in(&world, wish, "app.acme").await;
        let expected = Some("SCRAM-SHA-256-PLUS: Authentication");
        assert_eq!(last.as_deref(), expected);
        let Outcome::Session(arrival) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(arrival.socket.tls().unwrap().to_string(), agreed);
    }
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_proof_bound_to_another_certificate_is_refused() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let (_, impostor) = authority.server("impostor", &["db.example.com"]);
    let world = World::new(listener(vec![files]));
    let (stream, serving) = world.connect();
    let (outcome, last) = tokio::join!(Box::pin(serving), async {
        let wish = Wish::of(&authority);
        let mut client = Client::new(wish.handshake(stream).await.unwrap());
        client.send(&startup(&[("user", "app.acme")])).await;
        let binding = Some(binding(&impostor));
        client.scram(PASSWORD, binding).await.in_words()
    });
    assert!(last.contains("channel binding"), "{last}");
    assert_eq!(reason(&outcome), RefusalReason::Authentication);
}

#[tokio::test(start_paused = true)]
async fn a_listener_of_tls_1_3_refuses_1_2() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(Listener {
        tls_min_version: TlsVersion::V1_3,
        ..listener(vec![files])
    });
    let wish = Wish {
        versions: vec![&TLS12],
        ..Wish::of(&authority)
    };
    let (outcome, last) = log_in(&world, wish, "app.acme").await;
    assert_eq!(last, None);
    assert_eq!(reason(&outcome), RefusalReason::Tls);
    let (_, last) = log_in(&world, Wish::of(&authority), "app.acme").await;
    assert!(last.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_certificate_follows_the_server_name_and_the_first_is_for_the_rest() {
    let authority = Authority::new();
    let (first, first_der) = authority.server("first", &["first.example.com"]);
    let (wild, wild_der) = authority.server("wild", &["*.db.example.com"]);
    let (exact, exact_der) = authority.server("exact", &["acme.db.example.com"]);
    let world = World::new(listener(vec![first, wild, exact]));
    for (name, expected) in [
        ("first.example.com", Some(&first_der)),
        ("globex.db.example.com", Some(&wild_der)),
        ("acme.db.example.com", Some(&exact_der)),
        // Shown the first, which is not for this name.
        ("other.example.com", None),
    ] {
        let (stream, serving) = world.connect();
        let wish = Wish {
            name,
            ..Wish::of(&authority)
        };
        let shown = async {
            let stream = wish.handshake(stream).await.ok()?;
            let (_, connection) = stream.get_ref();
            Some(connection.peer_certificates().unwrap()[0].clone())
        };
        let (_, shown) = tokio::join!(Box::pin(serving), shown);
        assert_eq!(shown.as_ref(), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_named_by_the_server_name_and_must_not_be_named_otherwise() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["*.db.example.com"]);
    let world = World::new(Listener {
        sni_suffix: Some("db.example.com".to_owned()),
        ..listener(vec![files])
    });
    let wish = || Wish {
        name: "acme.db.example.com",
        ..Wish::of(&authority)
    };
    let (outcome, _) = log_in(&world, wish(), "app").await;
    assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
    let (outcome, last) = log_in(&world, wish(), "app.walled").await;
    assert_eq!(reason(&outcome), RefusalReason::TenantUnnamed);
    assert!(last.unwrap().contains("two tenants"));
}

#[tokio::test(start_paused = true)]
async fn direct_tls_needs_the_protocol_named() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(listener(vec![files]));
    for (alpn, is_in) in [
        (Some(&b"postgresql"[..]), true),
        (None, false),
        (Some(b"http/1.1"), false),
    ] {
        let wish = Wish {
            alpn,
            is_direct: true,
            ..Wish::of(&authority)
        };
        let (outcome, _) = log_in(&world, wish, "app.acme").await;
        assert_eq!(matches!(outcome, Outcome::Session(_)), is_in, "{alpn:?}");
    }
    // After an SSLRequest nothing needs to be named, but nothing else may be.
    let wish = Wish {
        alpn: Some(b"http/1.1"),
        ..Wish::of(&authority)
    };
    let (outcome, _) = log_in(&world, wish, "app.acme").await;
    assert_eq!(reason(&outcome), RefusalReason::Tls);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_requires_tls_says_so_to_plaintext() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(listener(vec![files]));
    let (stream, serving) = world.connect();
    let (outcome, transcript) = tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(stream);
        client.send(&startup(&[("user", "app.acme")])).await;
        client.transcript().await
    });
    assert_eq!(transcript, "FATAL 28000 TLS is required\n");
    assert_eq!(reason(&outcome), RefusalReason::TlsRequired);
}

#[tokio::test(start_paused = true)]
async fn client_certificates_are_verified_and_name_the_user() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let listener = Listener {
        tls_client_certificate: ClientCertificate::Require,
        tls_client_ca: Some(authority.file()),
        auth_type: AuthType::Cert,
        ..listener(vec![files])
    };
    let world = World::with(listener, |config| {
        config.node.login_failures_before_delay = 100;
    });
    let log_in = async |identity: Option<Identity>| {
        let wish = Wish {
            identity,
            ..Wish::of(&authority)
        };
        log_in(&world, wish, "app.acme").await.0
    };
    let outcome = log_in(Some(authority.client(&["app.acme"]))).await;
    assert!(matches!(outcome, Outcome::Session(_)), "{outcome:?}");
    // Another tenant's, nobody's, two users', and one that some readers cut short.
    for names in [
        &["app.walled"][..],
        &["app"],
        &["other.acme"],
        &[],
        &["app.acme", "other.acme"],
        &["app.acme\0"],
    ] {
        let outcome = log_in(Some(authority.client(names))).await;
        assert_eq!(reason(&outcome), RefusalReason::Authentication, "{names:?}");
    }
    let outcome = log_in(None).await;
    assert_eq!(reason(&outcome), RefusalReason::Tls);
    let outcome = log_in(Some(stranger.client(&["app.acme"]))).await;
    assert_eq!(reason(&outcome), RefusalReason::Tls);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_names_the_user_alone_is_one_of_the_default_tenant() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(Listener {
        tls_client_certificate: ClientCertificate::Require,
        tls_client_ca: Some(authority.file()),
        auth_type: AuthType::Cert,
        default_tenant: Some("acme".to_owned()),
        ..listener(vec![files])
    })
    .from("203.0.113.9:1");
    for (user, is_in) in [("app", true), ("app.acme", true), ("app.walled", false)] {
        let wish = Wish {
            identity: Some(authority.client(&["app"])),
            ..Wish::of(&authority)
        };
        let (outcome, _) = log_in(&world, wish, user).await;
        assert_eq!(matches!(outcome, Outcome::Session(_)), is_in, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_optional_client_certificate_is_verified_when_it_comes() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(Listener {
        tls_client_certificate: ClientCertificate::Optional,
        tls_client_ca: Some(authority.file()),
        ..listener(vec![files])
    });
    for (identity, is_in) in [
        (None, true),
        (Some(authority.client(&["whoever"])), true),
        (Some(stranger.client(&["app"])), false),
    ] {
        let wish = Wish {
            identity,
            ..Wish::of(&authority)
        };
        let (outcome, _) = log_in(&world, wish, "app.acme").await;
        assert_eq!(matches!(outcome, Outcome::Session(_)), is_in, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_certificates_are_for_new_connections_and_broken_ones_for_none() {
    let authority = Authority::new();
    let (files, old) = authority.server("db", &["db.example.com"]);
    let config = Arc::new(listener(vec![files]));
    let world = World::new((*config).clone());
    let shown = async || {
        let (stream, serving) = world.connect();
        let wish = Wish::of(&authority);
        let (_, shown) = tokio::join!(Box::pin(serving), async {
            let stream = wish.handshake(stream).await.unwrap();
            stream.get_ref().1.peer_certificates().unwrap()[0].clone()
        });
        shown
    };
    assert_eq!(shown().await, old);

    let (files, new) = authority.server("db", &["db.example.com"]);
    world
        .listener
        .install(Terms::load(Arc::clone(&config)).unwrap());
    assert_eq!(shown().await, new);

    // The certificate of one pair, the key of another.
    let (other, _) = authority.server("other", &["db.example.com"]);
    std::fs::copy(&other.key, &files.key).unwrap();
    let error = Terms::load(Arc::clone(&config)).unwrap_err();
    assert!(matches!(error, TlsError::Key(..)), "{error:?}");
    std::fs::write(&files.certificate, "no PEM").unwrap();
    let error = Terms::load(config).unwrap_err();
    assert!(matches!(error, TlsError::Empty(_)), "{error:?}");
    assert_eq!(shown().await, new);
}

#[tokio::test(start_paused = true)]
async fn ssl_injection_cve_2021_23214() {
    let authority = Authority::new();
    let (files, _) = authority.server("db", &["db.example.com"]);
    let world = World::new(Listener {
        tls: ListenerTls::Allow,
        ..listener(vec![files])
    });
    let (stream, serving) = world.connect();
    let (outcome, received) = tokio::join!(Box::pin(serving), async {
        let mut client = Client::new(stream);
        let packet = [&SslRequest::BYTES[..], &startup(&[("user", "app.acme")])].concat();
        client.send(&packet).await;
        client
            .stream
            .read_to_end(&mut client.received)
            .await
            .unwrap();
        client.received
    });
    assert_eq!(received, b"", "not even the answer to the request");
    assert_eq!(reason(&outcome), RefusalReason::Tls);
}
