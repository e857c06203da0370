//! `ServerAuthentication` against a Postgres: every method, every secret that answers it.

use tidegate::auth::AuthError;
use tidegate::auth::ClientKeys;
use tidegate::auth::Derivation;
use tidegate::auth::Password;
use tidegate::auth::Secret;
use tidegate::auth::ServerAuthentication;
use tidegate::auth::ServerPolicy;
use tidegate::auth::ServerSecret;
use tidegate::auth::ServerStep;
use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::ClusterOptions;
use tidegate_harness::Version;
use tidegate_harness::skip;
use tidegate_proto::backend::ErrorResponse;

use crate::wire::Wire;

/// A role for each method.
const HBA: &str = "\
host all by_md5 127.0.0.1/32 md5
host all by_password 127.0.0.1/32 password
host all by_trust 127.0.0.1/32 trust
";

const ROLES: &str = "\
create role by_scram login password 'pencil';
create role by_password login password 'pencil';
create role by_trust login;
set password_encryption = 'md5';
create role by_md5 login password 'pencil'";

/// How a login ended.
#[derive(Debug, PartialEq)]
enum End {
    In,
    /// Postgres said no, with this SQLSTATE.
    RefusedByPostgres(String),
    /// We said no.
    RefusedByUs(AuthError),
}

fn log_in(mut wire: Wire, user: &str, secret: ServerSecret, cleartext: bool) -> End {
    let parameters = format!("\0\x03\0\0user\0{user}\0database\0postgres\0\0");
    let length = u32::try_from(parameters.len() + 4).unwrap().to_be_bytes();
    wire.send(&[&length, parameters.as_bytes()].concat());

    let policy = ServerPolicy {
        iterations_max: 100_000,
        cleartext,
        unchallenged: true,
    };
    let protection = wire.protection.clone();
    let mut login = ServerAuthentication::new(user, secret, protection, policy, [9; 18]);
    loop {
        let (tag, body) = wire.receive().unwrap();
        if tag == b'E' {
            let report = ErrorResponse::decode(&body).unwrap().report;
            return End::RefusedByPostgres(report.sqlstate().unwrap().to_string());
        }
        assert_eq!(tag, b'R');
        let mut step = match login.receive(&body) {
            Ok(step) => step,
            Err(error) => return End::RefusedByUs(error),
        };
        if let ServerStep::Derive { derivation, next } = step {
            step = next.resume(&derivation.run()).unwrap();
        }
        login = match step {
            ServerStep::Answer { message, next } => {
                wire.send(&message);
                next
            },
            ServerStep::Wait { next } => next,
            ServerStep::Done => return End::In,
            ServerStep::Derive { .. } => panic!("keys are wanted twice"),
        };
    }
}

fn password(text: &str) -> ServerSecret {
    ServerSecret::Password(Password::new(text.as_bytes()))
}

/// What Postgres stores of a role.
fn stored(cluster: &Cluster, role: &str) -> Secret {
    let query = format!("select rolpassword from pg_authid where rolname = '{role}'");
    Secret::parse(&cluster.psql(&query).unwrap()).unwrap()
}

/// The keys that a client with this password would reveal while it is checked against `stored`.
fn revealed(stored: &Secret, password: &str) -> ClientKeys {
    let Secret::Scram(secret) = stored.clone() else {
        panic!("no verifier");
    };
    let password = Password::new(password.as_bytes());
    let keys = Derivation::new(password, secret.salt(), secret.iterations()).run();
    ClientKeys { keys, secret }
}

#[test]
fn every_secret_answers_the_methods_that_it_can() {
    for version in Version::installed() {
        let options = ClusterOptions {
            hba: HBA,
            ..ClusterOptions::default()
        };
        let Some(cluster) = skip::unless(Cluster::start_with(version, &options)) else {
            continue;
        };
        cluster.psql(ROLES).unwrap();
        let verifier = stored(&cluster, "by_scram");
        let keys = || ServerSecret::of(Some(verifier.clone()), Some(revealed(&verifier, "pencil")));
        let digest = || ServerSecret::of(Some(stored(&cluster, "by_md5")), None);
        let wrong = || End::RefusedByPostgres("28P01".to_owned());
        for (role, secret, cleartext, expected) in [
            ("by_scram", password("pencil"), false, End::In),
            ("by_scram", keys(), false, End::In),
            ("by_scram", password("pencils"), false, wrong()),
            ("by_md5", password("pencil"), false, End::In),
            ("by_md5", digest(), false, End::In),
            ("by_md5", password("pencils"), false, wrong()),
            ("by_password", password("pencil"), true, End::In),
            ("by_password", password("pencils"), true, wrong()),
            (
                "by_password",
                password("pencil"),
                false,
                End::RefusedByUs(AuthError::ServerCleartext),
            ),
            (
                "by_password",
                keys(),
                false,
                End::RefusedByUs(AuthError::ServerCleartext),
            ),
            ("by_trust", ServerSecret::None, false, End::In),
        ] {
            let shown = format!("{role} with {secret:?} on {version:?}");
            let wire = Wire::connect(cluster.port());
            assert_eq!(log_in(wire, role, secret, cleartext), expected, "{shown}");
        }
    }
}

#[test]
fn keys_from_another_secret_are_kept_back() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let user = cluster.database().unwrap().user;
    cluster
        .psql(&format!("alter role {user} password 'before'"))
        .unwrap();
    let before = stored(cluster, &user);
    let keys = ServerSecret::of(Some(before.clone()), Some(revealed(&before, "before")));
    cluster
        .psql(&format!("alter role {user} password 'after'"))
        .unwrap();
    let end = log_in(Wire::connect(cluster.port()), &user, keys, false);
    assert_eq!(end, End::RefusedByUs(AuthError::ServerSecretDiffers));
}

#[test]
fn passwords_in_every_script_are_prepared_as_postgres_does() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let user = cluster.database().unwrap().user;
    for text in [
        " spaces and $,:= ",
        "pässwörd",
        "e\u{301} and \u{e9}",
        "soft\u{ad}hyphen",
        "\u{2168}\u{fb01}",
        "a\u{340}b",
        "\u{1F130}\u{1F600}",
        "\u{627}\u{628}1",
        "密码",
    ] {
        cluster
            .psql(&format!("alter role {user} password '{text}'"))
            .unwrap();
        let end = log_in(Wire::connect(cluster.port()), &user, password(text), false);
        assert_eq!(end, End::In, "{text:?}");
    }
}

#[test]
fn the_proof_is_bound_to_the_certificate_of_postgres() {
    let authority = Authority::new().unwrap();
    let pair = authority.server(&["localhost"]).unwrap();
    let options = ClusterOptions {
        tls: Some(&pair),
        ..ClusterOptions::default()
    };
    let Some(cluster) = skip::unless(Cluster::start_with(Version::Distribution, &options)) else {
        skip::tell("PostgreSQL with TLS");
        return;
    };
    cluster
        .psql("create role by_scram login password 'pencil'")
        .unwrap();
    let verifier = stored(&cluster, "by_scram");
    let keys = ServerSecret::of(Some(verifier.clone()), Some(revealed(&verifier, "pencil")));
    for secret in [password("pencil"), keys] {
        let wire = Wire::connect_tls(cluster.port(), &authority);
        assert_eq!(log_in(wire, "by_scram", secret, false), End::In);
    }

    // Somebody in between would show another certificate.
    let mut wire = Wire::connect_tls(cluster.port(), &authority);
    let other = authority.server(&["localhost"]).unwrap();
    wire.protection = crate::wire::protection_of(&other);
    let end = log_in(wire, "by_scram", password("pencil"), false);
    assert_eq!(end, End::RefusedByPostgres("28000".to_owned()));
}
