//! libpq against `ClientAuthentication`: psql connects to as much of a server as it takes to log in.

use std::net::TcpListener;
use std::num::NonZeroU32;
use std::process::Command;
use std::process::Stdio;

use tidegate::auth::AuthError;
use tidegate::auth::ClientAuthentication;
use tidegate::auth::ClientPolicy;
use tidegate::auth::ClientStep;
use tidegate::auth::Credentials;
use tidegate::auth::Identity;
use tidegate::auth::Randomness;
use tidegate::auth::Secret;
use tidegate::auth::SecretKind;
use tidegate::config::AuthType;
use tidegate_harness::Authority;
use tidegate_harness::KeyPair;
use tidegate_harness::Version;
use tidegate_harness::skip;
use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::scram::MockKey;
use tidegate_proto::scram::ScramSecret;

use crate::wire::Wire;

const PASSWORD: &str = "pass wörd";

/// `AuthenticationOk`, what psql cannot do without, and `ReadyForQuery`.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0\
    S\0\0\0\x18server_version\x0015.0\0S\0\0\0\x19client_encoding\0UTF8\0Z\0\0\0\x05I";

/// An empty answer to any query.
const NOTHING: &[u8] = b"I\0\0\0\x04Z\0\0\0\x05I";

fn stored(kind: SecretKind, name: &str) -> Credentials {
    let password = PASSWORD.as_bytes();
    Credentials::Secret(match kind {
        SecretKind::Password => Secret::parse(PASSWORD).unwrap(),
        SecretKind::Md5 => Secret::Md5(Md5Secret::from_password(password, name.as_bytes())),
        SecretKind::Scram => {
            let iterations = NonZeroU32::new(4096).unwrap();
            Secret::Scram(ScramSecret::from_password(password, b"salt", iterations).unwrap())
        },
    })
}

/// Lets psql log in with `password`; gives what we made of it, and whether psql got its answer.
fn psql(
    auth_type: AuthType,
    credentials: Credentials,
    options: &str,
    password: &str,
    pair: &KeyPair,
) -> Option<(Result<(), AuthError>, Result<(), String>)> {
    let Some(binaries) = skip::unless(Version::Distribution.binaries()) else {
        skip::tell("psql with TLS");
        return None;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dsn = format!(
        "host=127.0.0.1 port={port} user=alice.acme dbname=x gssencmode=disable \
         connect_timeout=20 {options}"
    );
    let psql = Command::new(binaries.program("psql"))
        .args(["-X", "-c", "select 1", &dsn])
        .env("PGPASSWORD", password)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut wire = Wire::accept(&listener, pair);
    let ours = converse(&mut wire, auth_type, credentials);
    drop(wire);
    let output = psql.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((ours, output.status.success().then_some(()).ok_or(said)))
}

fn converse(
    wire: &mut Wire,
    auth_type: AuthType,
    credentials: Credentials,
) -> Result<(), AuthError> {
    let identity = Identity {
        tenant: "acme",
        user: "alice",
        name_sent: "alice.acme",
        credentials,
        protection: wire.protection.clone(),
        certificate_name: None,
    };
    let policy = ClientPolicy {
        mock_key: MockKey::from_text(b"key"),
        usual_kind: SecretKind::Scram,
        usual_iterations: NonZeroU32::new(4096).unwrap(),
        iterations_max: 100_000,
        bare_common_name: false,
    };
    let randomness = Randomness {
        nonce: [3; 18],
        md5_salt: [5, 6, 7, 8],
    };
    let mut step = ClientAuthentication::begin(auth_type, identity, &policy, randomness);
    loop {
        step = match step {
            ClientStep::Ask { message, next } => {
                wire.send(&message);
                let (tag, body) = wire.receive().unwrap();
                assert_eq!(tag, b'p');
                next.receive(&body)
            },
            ClientStep::Derive { derivation, next } => next.resume(derivation.run()),
            ClientStep::Done { message, .. } => {
                wire.send(&[&message, WELCOME].concat());
                assert_eq!(wire.receive().unwrap().0, b'Q');
                wire.send(NOTHING);
                return Ok(());
            },
            ClientStep::Failed(error) => {
                let mut report = Vec::new();
                let message = error.message_for("alice.acme");
                ReportText::new(Severity::Fatal, error.sqlstate(), &message)
                    .encode_error(&mut report);
                wire.send(&report);
                return Err(error);
            },
        };
    }
}

fn server_pair() -> KeyPair {
    Authority::new().unwrap().server(&["localhost"]).unwrap()
}

#[test]
fn psql_logs_in_by_every_method_and_secret() {
    let pair = server_pair();
    let (clear, tls) = ("sslmode=disable", "sslmode=require");
    let bound = "sslmode=require channel_binding=require";
    for (auth_type, kind, name, options) in [
        (AuthType::ScramSha256, SecretKind::Scram, "", clear),
        (AuthType::ScramSha256, SecretKind::Scram, "", bound),
        (
            AuthType::ScramSha256,
            SecretKind::Scram,
            "",
            "sslmode=require channel_binding=disable",
        ),
        (AuthType::ScramSha256, SecretKind::Password, "", bound),
        (AuthType::Md5, SecretKind::Scram, "", bound),
        (AuthType::Md5, SecretKind::Password, "", clear),
        (AuthType::Md5, SecretKind::Md5, "alice.acme", clear),
        (AuthType::Plain, SecretKind::Scram, "", tls),
        (AuthType::Plain, SecretKind::Password, "", tls),
        (AuthType::Plain, SecretKind::Md5, "alice", tls),
    ] {
        let Some(ends) = psql(auth_type, stored(kind, name), options, PASSWORD, &pair) else {
            return;
        };
        assert_eq!(ends, (Ok(()), Ok(())), "{auth_type} {kind:?} {options}");
    }
}

#[test]
fn psql_prints_the_words_of_postgres_when_it_is_refused() {
    let pair = server_pair();
    let wrong = stored(SecretKind::Scram, "");
    for credentials in [wrong, Credentials::Unknown, Credentials::WithoutSecret] {
        for auth_type in [AuthType::ScramSha256, AuthType::Md5, AuthType::Plain] {
            let ends = psql(
                auth_type,
                credentials.clone(),
                "sslmode=require",
                "wrong",
                &pair,
            );
            let Some((ours, theirs)) = ends else {
                return;
            };
            assert_eq!(ours, Err(AuthError::PasswordRefused));
            let words = "FATAL:  password authentication failed for user \"alice.acme\"";
            assert!(theirs.unwrap_err().contains(words));
        }
    }
}

#[test]
fn psql_is_not_asked_for_a_password_without_tls() {
    let credentials = stored(SecretKind::Password, "");
    let pair = server_pair();
    let Some(ends) = psql(
        AuthType::Plain,
        credentials,
        "sslmode=disable",
        PASSWORD,
        &pair,
    ) else {
        return;
    };
    assert_eq!(ends.0, Err(AuthError::TlsRequired));
    assert!(
        ends.1
            .unwrap_err()
            .contains("password authentication requires TLS")
    );
}
