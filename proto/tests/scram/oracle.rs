//! Against `postgres-protocol`: its client logs in to our server, and either side reads the secret
//! that the other one made.

use postgres_protocol::authentication::sasl::ChannelBinding;
use postgres_protocol::authentication::sasl::ScramSha256;
use proptest::prelude::*;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::SignatureHash;
use tidegate_proto::scram::Verdict;

use crate::conversation::SERVER_NONCE;
use crate::conversation::secret;

/// Passwords on which both agree: `SASLprep` of the oracle follows the RFC where ours follows
/// `PostgreSQL`, which differs for characters that normalization takes apart.
fn passwords() -> impl Strategy<Value = String> {
    "[ -~äöüßéñĀ-ĳЀ-џ一-丏]{1,30}"
}

/// Their client, our server.
fn login(
    password: &str,
    stored: ScramSecret,
    mechanism: Mechanism,
    theirs: ChannelBinding,
    ours: Option<ChannelBindingData>,
) -> bool {
    let mut client = ScramSha256::new(password.as_bytes(), theirs);
    let server = ServerFirst::new(stored, ours, SERVER_NONCE);
    let (server_first, server) = server.client_first(mechanism, client.message()).unwrap();
    client.update(&server_first).unwrap();
    match server.client_final(client.message()).unwrap() {
        Verdict::Verified { server_final, .. } => {
            client.finish(&server_final).unwrap();
            true
        },
        Verdict::Refused => false,
    }
}

proptest! {
    #[test]
    fn their_client_logs_in_to_our_server(password in passwords()) {
        for (theirs, ours, mechanism) in [
            (ChannelBinding::unsupported(), None, Mechanism::ScramSha256),
            (ChannelBinding::unrequested(), None, Mechanism::ScramSha256),
            {
                let data = ChannelBindingData::tls_server_end_point(SignatureHash::Sha384, b"der");
                let theirs = ChannelBinding::tls_server_end_point(data.as_bytes().to_vec());
                (theirs, Some(data), Mechanism::ScramSha256Plus)
            },
        ] {
            let stored = secret(password.as_bytes());
            prop_assert!(login(&password, stored, mechanism, theirs, ours));
        }
    }

    #[test]
    fn their_client_is_refused_with_another_password(password in passwords()) {
        let stored = secret(format!("{password}.").as_bytes());
        let theirs = ChannelBinding::unsupported();
        prop_assert!(!login(&password, stored, Mechanism::ScramSha256, theirs, None));
    }
}

#[test]
fn a_secret_that_they_made_is_read_and_met() {
    let text = postgres_protocol::password::scram_sha_256("pässwörd".as_bytes());
    let secret = ScramSecret::parse(&text).unwrap();
    assert_eq!(*secret.to_text(), text);
    let keys = ScramKeys::derive("pässwörd".as_bytes(), secret.salt(), secret.iterations());
    assert!(secret.is_of(&keys));
    let theirs = ChannelBinding::unsupported();
    assert!(login(
        "pässwörd",
        secret,
        Mechanism::ScramSha256,
        theirs,
        None
    ));
}
