//! RFC 5802 §3 once more and apart from the code under test: what the SCRAM targets need to say
//! the right thing about whatever the fuzzer made up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use tidegate_proto::scram::ScramKeys;

/// The proof of `keys` over this conversation, in base64.
pub(crate) fn proof(keys: &ScramKeys, auth_message: &[u8]) -> String {
    let client_key = keys.client.as_bytes();
    let signature = hmac(&Sha256::digest(client_key), auth_message);
    let pairs = client_key.iter().zip(signature);
    STANDARD.encode(pairs.map(|(key, byte)| key ^ byte).collect::<Vec<u8>>())
}

/// The server's signature over this conversation, in base64.
pub(crate) fn signature(keys: &ScramKeys, auth_message: &[u8]) -> String {
    STANDARD.encode(hmac(keys.server.as_bytes(), auth_message))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    hmac.update(message);
    hmac.finalize().into_bytes().to_vec()
}

/// `text` with every `placeholder` replaced.
pub(crate) fn replaced(text: &[u8], placeholder: &[u8], by: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = text;
    while let Some(at) = rest
        .windows(placeholder.len())
        .position(|window| window == placeholder)
    {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(by);
        rest = &rest[at + placeholder.len()..];
    }
    result.extend_from_slice(rest);
    result
}

/// The first line, and what is behind it.
pub(crate) fn lines(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[]),
    }
}
