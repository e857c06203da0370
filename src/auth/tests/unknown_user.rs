//! A user that does not exist, one without a password and one whose password is wrong look the same,
//! byte for byte.

use tidegate_proto::scram::ScramError;

use super::*;

const METHODS: [AuthType; 3] = [AuthType::ScramSha256, AuthType::Md5, AuthType::Plain];
const KINDS: [SecretKind; 3] = [SecretKind::Scram, SecretKind::Md5, SecretKind::Password];

#[test]
fn unknown_user_transcript_equal() {
    for auth_type in METHODS {
        for kind in KINDS {
            let wrong = Credentials::Secret(stored(kind, "pencil"));
            let wrong = authenticate(auth_type, wrong, kind, "a guess");
            assert_eq!(
                wrong.result.as_ref().unwrap_err(),
                &AuthError::PasswordRefused
            );
            for nobody in [Credentials::Unknown, Credentials::WithoutSecret] {
                let nobody = authenticate(auth_type, nobody, kind, "a guess");
                let place = format!("{auth_type} {kind:?}");
                assert_eq!(nobody.transcript, wrong.transcript, "{place}");
                assert_eq!(
                    nobody.result.unwrap_err(),
                    AuthError::PasswordRefused,
                    "{place}"
                );
                if auth_type == AuthType::Plain {
                    assert_eq!(nobody.derivations, wrong.derivations, "{place}");
                }
            }
        }
    }
}

#[test]
fn nobody_logs_in_even_with_what_the_mock_is_made_of() {
    let mock = MockKey::new([7; 32]).salt(b"acme", b"alice");
    assert!(!mock.contains(&0), "it could not be sent as a password");
    for auth_type in METHODS {
        for kind in KINDS {
            for nobody in [Credentials::Unknown, Credentials::WithoutSecret] {
                let course = authenticate(auth_type, nobody, kind, mock);
                assert_eq!(course.result.unwrap_err(), AuthError::PasswordRefused);
            }
        }
    }
}

/// What a client that sends `answers` gets: the requests, and the end.
fn talk(credentials: Credentials, auth_type: AuthType, answers: &[&[u8]]) -> String {
    let policy = policy(SecretKind::Scram);
    let mut step = ClientAuthentication::begin(auth_type, alice(credentials), &policy, RANDOMNESS);
    let mut said = String::new();
    for answer in answers {
        step = match step {
            ClientStep::Ask { message, next } => {
                said.push_str(&message.escape_ascii().to_string());
                next.receive(answer)
            },
            end @ (ClientStep::Derive { .. } | ClientStep::Done { .. } | ClientStep::Failed(_)) => {
                end
            },
        };
        if let ClientStep::Derive { derivation, next } = step {
            step = next.resume(derivation.run());
        }
    }
    format!("{said} {step:?}")
}

#[test]
fn a_client_that_breaks_the_protocol_learns_nothing_about_the_user() {
    let initial = b"SCRAM-SHA-256\0\0\0\0\x0bn,,n=,r=abc".as_slice();
    let answers: [&[&[u8]]; 6] = [
        &[b""],
        &[b"SCRAM-SHA-1\0\0\0\0\x01x"],
        &[b"SCRAM-SHA-256\0\x7f\xff\xff\xffn,,n=,r=abc"],
        &[b"SCRAM-SHA-256\0\xff\xff\xff\xff", b"y,,n=,r=abc"],
        &[initial, b"c=biws,r=abc,p=AAAA"],
        &[
            initial,
            b"c=biws,r=abcIiIiIiIiIiIiIiIiIiIiIiIi,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ],
    ];
    for answers in answers {
        let known = Credentials::Secret(stored(SecretKind::Scram, "pencil"));
        let known = talk(known, AuthType::ScramSha256, answers);
        let unknown = talk(Credentials::Unknown, AuthType::ScramSha256, answers);
        assert_eq!(known, unknown);
        assert!(known.contains("Failed"), "{known}");
    }
}

#[test]
fn the_last_thing_a_client_hears_is_what_postgres_says() {
    let course = authenticate(
        AuthType::ScramSha256,
        Credentials::Unknown,
        SecretKind::Scram,
        "x",
    );
    let error = course.result.unwrap_err();
    assert_eq!(
        error.message_for("alice.acme"),
        "password authentication failed for user \"alice.acme\""
    );
    assert_eq!(error.sqlstate().as_str(), "28P01");
    let error = AuthError::from(ScramError::ChannelBindingDowngrade);
    assert_eq!(error.sqlstate().as_str(), "28000");
}
