//! The server side of SCRAM against clients that say anything.
//!
//! An input is three lines: the offer (`plus` or `plain`) and the mechanism that the client takes,
//! its first message, its last message. In the last one `{nonce}` becomes the nonce of the exchange
//! and a last `p={proof}` a right proof for everything before it: no fuzzer guesses either.

use std::num::NonZeroU32;
use std::sync::LazyLock;

use tidegate_proto::fault::Fault;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::MockKey;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::SignatureHash;
use tidegate_proto::scram::Verdict;

use crate::scram_model::lines;
use crate::scram_model::proof;
use crate::scram_model::replaced;

const SALT: &[u8] = b"salt of 16 bytes";
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN;
const NONCE: [u8; 18] = [0x22; 18];

static KEYS: LazyLock<ScramKeys> = LazyLock::new(|| ScramKeys::derive(b"pencil", SALT, ITERATIONS));

/// Checks one input.
///
/// # Panics
/// If a known and an unknown user can be told apart, if a right proof over a well-formed message is
/// refused or a wrong one believed, or if a stored secret has two spellings.
pub fn run(data: &[u8]) {
    check_stored_secret(data);
    let (choice, messages) = lines(data);
    let (first, last) = lines(messages);
    let (offered, mechanism) = match choice {
        b"plus plus" => (true, Mechanism::ScramSha256Plus),
        b"plus plain" => (true, Mechanism::ScramSha256),
        b"plain plus" => (false, Mechanism::ScramSha256Plus),
        _ => (false, Mechanism::ScramSha256),
    };
    let binding = offered
        .then(|| ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, b"certificate"));

    let secret = ScramSecret::from_keys(&KEYS, SALT, ITERATIONS).expect("the salt is legal");
    let genuine = ServerFirst::new(secret, binding.clone(), NONCE);
    let mock = MockKey::new([7; 32]).secret(b"acme", b"nobody", ITERATIONS);
    let doomed = ServerFirst::doomed(mock, binding, NONCE);

    let (genuine, doomed) = match (
        genuine.client_first(mechanism, first),
        doomed.client_first(mechanism, first),
    ) {
        (Ok(genuine), Ok(doomed)) => (genuine, doomed),
        (Err(genuine), Err(doomed)) => return check_error(genuine, doomed),
        (genuine, doomed) => panic!("told apart: {genuine:?}, {doomed:?}"),
    };
    let (server_first, genuine) = genuine;
    assert_eq!(server_first.len(), doomed.0.len());
    let nonce = check_server_first(first, &server_first);

    let last = replaced(last, b"{nonce}", nonce);
    let (without_proof, tail) = match last.iter().rposition(|byte| *byte == b',') {
        Some(comma) => last.split_at(comma),
        None => (&[][..], &last[..]),
    };
    let auth_message = [bare(first), &server_first, without_proof].join(&b',');
    let right_proof = proof(&KEYS, &auth_message);
    let tail = replaced(tail, b"{proof}", right_proof.as_bytes());
    let last = [without_proof, &tail].concat();
    match (genuine.client_final(&last), doomed.1.client_final(&last)) {
        (Ok(Verdict::Verified { keys, .. }), Ok(Verdict::Refused)) => {
            assert_eq!(keys.client.as_bytes(), KEYS.client.as_bytes());
            assert!(last.ends_with(format!(",p={right_proof}").as_bytes()));
        },
        (Ok(Verdict::Refused), Ok(Verdict::Refused)) => {
            assert!(!last.ends_with(format!(",p={right_proof}").as_bytes()));
        },
        (Err(genuine), Err(doomed)) => check_error(genuine, doomed),
        (genuine, doomed) => panic!("told apart: {genuine:?}, {doomed:?}"),
    }
}

/// `r=<client's><ours>,s=…,i=…`; gives the nonce.
fn check_server_first<'message>(first: &[u8], server_first: &'message [u8]) -> &'message [u8] {
    let mut attributes = server_first.split(|byte| *byte == b',');
    let nonce = attributes.next().expect("there is a first attribute");
    let nonce = nonce.strip_prefix(b"r=").expect("it is the nonce");
    let ours = b"IiIiIiIiIiIiIiIiIiIiIiIi";
    let theirs = nonce.strip_suffix(ours).expect("it ends with ours");
    let position = first
        .windows(theirs.len())
        .position(|window| window == theirs);
    assert!(position.is_some() && !theirs.is_empty());
    assert_eq!(attributes.count(), 2);
    nonce
}

/// What follows the second comma.
fn bare(first: &[u8]) -> &[u8] {
    first
        .splitn(3, |byte| *byte == b',')
        .nth(2)
        .unwrap_or_default()
}

/// Both users get the same error, and it is the client's fault.
fn check_error(genuine: ScramError, doomed: ScramError) {
    assert_eq!(genuine, doomed);
    assert_eq!(genuine.fault(), Fault::Client);
    assert!(genuine.to_string().is_ascii());
}

/// A stored secret that is read has the one spelling that is written.
fn check_stored_secret(data: &[u8]) {
    if let Some(secret) = std::str::from_utf8(data)
        .ok()
        .and_then(|text| ScramSecret::parse(text).ok())
    {
        assert_eq!(secret.to_text().as_bytes(), data);
    }
}
