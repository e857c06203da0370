//! A user that does not exist looks like one whose password is wrong.

use proptest::prelude::*;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::MockKey;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramMessage;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::Verdict;

use crate::conversation::SERVER_NONCE;
use crate::conversation::converse;
use crate::conversation::iterations;
use crate::conversation::secret;

fn wrong_password() -> ServerFirst {
    ServerFirst::new(secret(b"pencil"), None, SERVER_NONCE)
}

fn unknown_user() -> ServerFirst {
    let mock = MockKey::new([7; 32]).secret(b"acme", b"nobody", iterations());
    ServerFirst::doomed(mock, None, SERVER_NONCE)
}

/// A message by the names and lengths of its attributes.
type Shape = (ScramMessage, Vec<(String, usize)>);

fn shape(server: ServerFirst) -> Vec<Shape> {
    let mut said = Vec::new();
    let ending = converse(
        b"wrong",
        ClientBinding::Unsupported,
        server,
        |message, bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let attributes = text.split(',').map(|attribute| {
                let name = attribute.chars().take(2).collect();
                (name, attribute.len())
            });
            said.push((message, attributes.collect()));
        },
    );
    assert!(ending.unwrap().verified.is_none());
    said
}

#[test]
fn unknown_user_transcript_equal() {
    let unknown = shape(unknown_user());
    assert_eq!(unknown, shape(wrong_password()));
    assert_eq!(unknown.len(), 3);
}

fn server_first(server: ServerFirst) -> Vec<u8> {
    server
        .client_first(Mechanism::ScramSha256, b"n,,n=,r=abc")
        .unwrap()
        .0
}

#[test]
fn mock_salt_stable_across_attempts() {
    assert_eq!(server_first(unknown_user()), server_first(unknown_user()));
    assert_ne!(server_first(unknown_user()), server_first(wrong_password()));
}

/// What a client learns from an exchange, whatever it sends. `{nonce}` in `last` becomes the nonce
/// of the exchange.
fn outcome(server: ServerFirst, first: &str, last: &str) -> Result<bool, ScramError> {
    let (message, server) = server.client_first(Mechanism::ScramSha256, first.as_bytes())?;
    let message = String::from_utf8(message).unwrap();
    let nonce = message.split([',', '=']).nth(1).unwrap();
    let verdict = server.client_final(last.replace("{nonce}", nonce).as_bytes())?;
    Ok(matches!(verdict, Verdict::Verified { .. }))
}

proptest! {
    #[test]
    fn an_unknown_user_gets_the_errors_of_a_known_one(
        first in "(n,,|y,,|p=x,,|)n=,r=[!-~]{0,5}(,[a-z]=.)?",
        last in "(c=biws|c=eSws|),?r=(\\{nonce\\}|[!-~]{0,40})(,p=)?[A-Za-z0-9/+]{0,44}=?",
    ) {
        prop_assert_eq!(
            outcome(unknown_user(), &first, &last),
            outcome(wrong_password(), &first, &last)
        );
    }

    #[test]
    fn no_proof_satisfies_a_mock_secret(proof in "[A-Za-z0-9/+]{42}[AEIMQUYcgkosw048]=") {
        let last = format!("c=biws,r={{nonce}},p={proof}");
        prop_assert_eq!(outcome(unknown_user(), "n,,n=,r=abc", &last), Ok(false));
        prop_assert_eq!(outcome(wrong_password(), "n,,n=,r=abc", &last), Ok(false));
    }
}
