//! Clients that are refused for what they send, or for how they came.

use proptest::prelude::*;
use tidegate_proto::fault::Fault;

use super::*;

fn begin(auth_type: AuthType, kind: SecretKind) -> ClientAuthentication {
    let identity = alice(Credentials::Secret(stored(kind, "pencil")));
    let step = ClientAuthentication::begin(auth_type, identity, &policy(kind), RANDOMNESS);
    let ClientStep::Ask { next, .. } = step else {
        panic!("{step:?}");
    };
    next
}

#[test]
fn a_password_is_not_asked_for_without_tls() {
    for protection in [Protection::None, Protection::Local] {
        let credentials = Credentials::Secret(stored(SecretKind::Scram, "pencil"));
        let identity = Identity {
            protection,
            ..alice(credentials)
        };
        let policy = policy(SecretKind::Scram);
        let step = ClientAuthentication::begin(AuthType::Plain, identity, &policy, RANDOMNESS);
        let ClientStep::Failed(error) = step else {
            panic!("{step:?}");
        };
        assert_eq!(error, AuthError::TlsRequired);
        assert_eq!(
            (error.fault(), error.sqlstate().as_str()),
            (Fault::Client, "28000")
        );
    }
}

#[test]
fn an_md5_secret_is_met_only_by_the_name_it_was_made_for() {
    // The client hashes the name it wrote, so a verifier for the bare name never fits user.tenant.
    let secret = tidegate_proto::md5::Md5Secret::from_password(b"pencil", b"alice");
    let credentials = Credentials::Secret(Secret::Md5(secret));
    let course = authenticate(AuthType::Md5, credentials, SecretKind::Md5, "pencil");
    assert_eq!(course.result.unwrap_err(), AuthError::PasswordRefused);
}

#[test]
fn a_stored_secret_that_costs_too_much_is_not_tried() {
    let salt = b"salt";
    let secret = ScramSecret::from_password(b"pencil", salt, NonZeroU32::new(101).unwrap());
    let credentials = || Credentials::Secret(Secret::Scram(secret.clone().unwrap()));
    let course = authenticate(AuthType::Plain, credentials(), SecretKind::Scram, "pencil");
    let error = course.result.unwrap_err();
    assert_eq!(
        error,
        AuthError::StoredIterations {
            iterations: 101,
            iterations_max: 100
        }
    );
    assert_eq!((error.fault(), course.derivations), (Fault::Pooler, 0));
    // The client is told nothing that would tell the user from others.
    let refused = AuthError::PasswordRefused;
    assert_eq!(error.message_for("alice"), refused.message_for("alice"));
    assert_eq!(error.sqlstate(), refused.sqlstate());
}

#[test]
fn a_message_that_cannot_be_read_is_the_clients_fault() {
    for auth_type in [AuthType::Md5, AuthType::Plain] {
        for body in [&b""[..], b"no end", b"too\0much"] {
            let step = begin(auth_type, SecretKind::Password).receive(body);
            let ClientStep::Failed(error) = step else {
                panic!("{step:?}");
            };
            assert_eq!(
                (error.fault(), error.sqlstate().as_str()),
                (Fault::Client, "08P01")
            );
        }
    }
}

#[test]
fn an_empty_password_is_never_right() {
    let nobody = tidegate_proto::md5::Md5Secret::from_password(b"", b"alice");
    for secret in [Secret::Password(Password::new(b"")), Secret::Md5(nobody)] {
        let kind = secret.kind();
        let course = authenticate(AuthType::Plain, Credentials::Secret(secret), kind, "");
        assert_eq!(course.result.unwrap_err(), AuthError::PasswordRefused);
    }
}

proptest! {
    #[test]
    fn random_answers_let_nobody_in(
        answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 1..4),
        method in 0..3_usize,
        kind in 0..3_usize,
    ) {
        let auth_type = [AuthType::ScramSha256, AuthType::Md5, AuthType::Plain][method];
        let kind = [SecretKind::Scram, SecretKind::Md5, SecretKind::Password][kind];
        let mut next = begin(auth_type, kind);
        for answer in answers {
            match next.receive(&answer) {
                ClientStep::Ask { next: after, .. } => next = after,
                ClientStep::Derive { derivation, next } => {
                    let step = next.resume(derivation.run());
                    let is_in = matches!(step, ClientStep::Done { .. });
                    prop_assert!(!is_in);
                    return Ok(());
                },
                ClientStep::Failed(error) => {
                    prop_assert_eq!(error.fault(), Fault::Client);
                    return Ok(());
                },
                ClientStep::Done { .. } => return Err(TestCaseError::fail("let in")),
            }
        }
    }
}
