//! Our client and our server understand each other, whatever the password.

use proptest::prelude::*;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::SignatureHash;

use crate::conversation::CLIENT_NONCE;
use crate::conversation::SALT;
use crate::conversation::SERVER_NONCE;
use crate::conversation::converse_undisturbed;
use crate::conversation::iterations;
use crate::conversation::secret;

fn binding(certificate: &[u8]) -> ChannelBindingData {
    ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, certificate)
}

/// What the client may say about channel binding, with what the server offers, that fits together.
fn bindings() -> impl Strategy<Value = (ClientBinding, Option<ChannelBindingData>)> {
    prop_oneof![
        Just((ClientBinding::Unsupported, None)),
        Just((ClientBinding::Unsupported, Some(binding(b"ours")))),
        Just((ClientBinding::NotOffered, None)),
        Just((
            ClientBinding::TlsServerEndPoint(binding(b"ours")),
            Some(binding(b"ours"))
        )),
    ]
}

/// Text in every script, and bytes that are no text.
fn passwords() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        "[ -~]{1,40}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..100),
    ]
}

proptest! {
    #[test]
    fn the_right_password_logs_in_and_reveals_its_keys(
        password in passwords(),
        (client, offered) in bindings(),
    ) {
        let server = ServerFirst::new(secret(&password), offered, SERVER_NONCE);
        let ending = converse_undisturbed(&password, client, server).unwrap();
        prop_assert!(ending.is_login());
        let keys = ScramKeys::derive(&password, SALT, iterations());
        let recovered = ending.verified.unwrap();
        prop_assert_eq!(recovered.client.as_bytes(), keys.client.as_bytes());
        prop_assert_eq!(recovered.server.as_bytes(), keys.server.as_bytes());
    }

    #[test]
    fn a_wrong_password_is_refused(
        password in passwords(),
        wrong in passwords(),
        (client, offered) in bindings(),
    ) {
        prop_assume!(!secret(&password).is_of(&ScramKeys::derive(&wrong, SALT, iterations())));
        let server = ServerFirst::new(secret(&password), offered, SERVER_NONCE);
        let ending = converse_undisturbed(&wrong, client, server).unwrap();
        prop_assert!(ending.verified.is_none());
    }

    #[test]
    fn a_secret_survives_its_text(
        password in passwords(),
        salt in proptest::collection::vec(any::<u8>(), 1..=64),
        count in 1_u32..20,
    ) {
        let secret = ScramSecret::from_password(&password, &salt, count.try_into().unwrap()).unwrap();
        let text = secret.to_text();
        let parsed = ScramSecret::parse(&text).unwrap();
        prop_assert_eq!(&*parsed.to_text(), &*text);
        prop_assert_eq!(parsed.salt(), &salt[..]);
        prop_assert!(parsed.is_of(&ScramKeys::derive(&password, &salt, parsed.iterations())));
    }
}

#[test]
fn the_keys_that_a_client_revealed_log_in_elsewhere() {
    let server = ServerFirst::new(secret(b"pencil"), None, SERVER_NONCE);
    let ending = converse_undisturbed(b"pencil", ClientBinding::Unsupported, server).unwrap();
    let keys = ending.verified.unwrap();

    let client = ClientFirst::new(ClientBinding::Unsupported, &CLIENT_NONCE);
    let server = ServerFirst::new(secret(b"pencil"), None, SERVER_NONCE);
    let (message, server) = server
        .client_first(Mechanism::ScramSha256, &client.message())
        .unwrap();
    let client = client.server_first(&message, 100).unwrap();
    assert!(client.is_challenge_of(&secret(b"pencil")));
    let other_salt = ScramSecret::from_password(b"pencil", b"other", iterations()).unwrap();
    assert!(!client.is_challenge_of(&other_salt));
    let (message, client) = client.prove(&keys);
    let verdict = server.client_final(&message).unwrap();
    let tidegate_proto::scram::Verdict::Verified { server_final, .. } = verdict else {
        panic!("refused");
    };
    assert_eq!(client.server_final(&server_final), Ok(()));
}

#[test]
fn a_proof_bound_to_another_certificate_is_refused() {
    let server = ServerFirst::new(secret(b"pencil"), Some(binding(b"ours")), SERVER_NONCE);
    let client = ClientBinding::TlsServerEndPoint(binding(b"an impostor's"));
    let error = converse_undisturbed(b"pencil", client, server).unwrap_err();
    assert_eq!(error, ScramError::ChannelBindingMismatch);
}

#[test]
fn a_client_that_did_not_see_the_offer_of_plus_is_warned() {
    let server = ServerFirst::new(secret(b"pencil"), Some(binding(b"ours")), SERVER_NONCE);
    let error = converse_undisturbed(b"pencil", ClientBinding::NotOffered, server).unwrap_err();
    assert_eq!(error, ScramError::ChannelBindingDowngrade);
}
