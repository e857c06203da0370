//! The client side of SCRAM against servers that say anything, and `postgres-protocol` as the
//! second opinion.
//!
//! An input is two lines: the server's first message and its last. A first `r={nonce}` gets the
//! client's nonce, `{signature}` becomes the right signature.

use postgres_protocol::authentication::sasl::ChannelBinding;
use postgres_protocol::authentication::sasl::ScramSha256;
use tidegate_proto::fault::Fault;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;

use crate::scram_model::lines;
use crate::scram_model::replaced;
use crate::scram_model::signature;

const PASSWORD: &[u8] = b"pencil";
const NONCE: [u8; 18] = [0x11; 18];

/// Few, so that the fuzzer's time goes into messages.
const ITERATIONS_MAX: u32 = 20;

/// Checks one input.
///
/// # Panics
/// If more is believed than the second opinion believes, if the right signature is refused, or if
/// an error is not the server's fault.
pub fn run(data: &[u8]) {
    let (first, last) = lines(data);
    let client = ClientFirst::new(ClientBinding::Unsupported, &NONCE);
    let client_first = client.message();
    let ours = with_nonce(first, &client_first);
    let client = match client.server_first(&ours, ITERATIONS_MAX) {
        Ok(client) => client,
        Err(error) => return check_error(error),
    };
    assert!((1..=ITERATIONS_MAX).contains(&client.iterations().get()));
    assert!((1..=256).contains(&client.salt().len()));
    let keys = ScramKeys::derive(PASSWORD, client.salt(), client.iterations());
    let (client_final, client) = client.prove(&keys);
    let answer = with_signature(last, &keys, [&client_first, &ours, &client_final]);
    let believed = client.server_final(&answer);

    let mut theirs = ScramSha256::new(PASSWORD, ChannelBinding::unsupported());
    let their_first = theirs.message().to_vec();
    let server_first = with_nonce(first, &their_first);
    // Spelt out, the nonce or the signature of ours is wrong for theirs: the fuzzer learns both from
    // the comparisons that it watches.
    let is_for_both = first.starts_with(b"r={nonce}") && last.starts_with(b"v={signature}");
    if theirs.update(&server_first).is_ok() {
        let their_final = theirs.message().to_vec();
        let said = [&their_first[..], &server_first, &their_final];
        let their_answer = with_signature(last, &keys, said);
        let theirs = theirs.finish(&their_answer);
        assert!(
            believed.is_err() || theirs.is_ok() || !is_for_both,
            "only we believe {answer:?}"
        );
    } else {
        assert!(!first.starts_with(b"r={nonce}"), "only we accept {ours:?}");
    }

    let right = with_signature(
        b"v={signature}",
        &keys,
        [&client_first, &ours, &client_final],
    );
    match believed {
        Ok(()) => assert_eq!(answer, right),
        Err(error) => {
            assert_ne!(answer, right);
            check_error(error);
        },
    }
}

/// `first`, where a `{nonce}` that stands in its place becomes the one in `client_first`.
fn with_nonce(first: &[u8], client_first: &[u8]) -> Vec<u8> {
    let nonce = client_first
        .strip_prefix(b"n,,n=,")
        .expect("the message has this form");
    match first.strip_prefix(b"r={nonce}") {
        Some(rest) => [nonce, rest].concat(),
        None => first.to_vec(),
    }
}

/// `last` with the signature over these three messages.
fn with_signature(last: &[u8], keys: &ScramKeys, messages: [&[u8]; 3]) -> Vec<u8> {
    let [client_first, server_first, client_final] = messages;
    let bare = client_first
        .strip_prefix(b"n,,")
        .expect("the message has this form");
    let end = client_final.windows(3).rposition(|window| window == b",p=");
    let without_proof = &client_final[..end.expect("there is a proof")];
    let auth_message = [bare, server_first, without_proof].join(&b',');
    replaced(
        last,
        b"{signature}",
        signature(keys, &auth_message).as_bytes(),
    )
}

fn check_error(error: ScramError) {
    assert_eq!(error.fault(), Fault::Server);
    assert!(error.to_string().is_ascii());
}
