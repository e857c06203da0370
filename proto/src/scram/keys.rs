//! The keys of SCRAM-SHA-256, and how they come from a password.
//!
//! Deriving is slow on purpose. It is one pure function, so that callers can run it away from a
//! worker and remember the result by (password, salt, iterations). Keys are wiped when dropped,
//! and do not show in `Debug`.
//!
//! See [RFC 5802 §3](https://www.rfc-editor.org/rfc/rfc5802#section-3).

use std::fmt;
use std::num::NonZeroU32;

use hmac::Hmac;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;
use zeroize::Zeroizing;

use super::saslprep;

/// The length of every SCRAM-SHA-256 key, signature and proof, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// A key, a signature or a proof, wiped when dropped.
pub(super) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// What a client proves to know. With it anybody can log in as that client, wherever the salt and
/// the iterations are the same: that is what makes passthrough possible.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ClientKey([u8; KEY_BYTES]);

impl ClientKey {
    /// A key that was stored.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key as it may be stored; guard it as a password.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What a server keeps to recognize this key.
    pub fn stored_key(&self) -> StoredKey {
        StoredKey(Sha256::digest(self.0).into())
    }

    /// `ClientProof`: the key hidden behind the signature.
    pub(super) fn proof(&self, auth_message: &[u8]) -> KeyBytes {
        xor(&self.0, &self.stored_key().client_signature(auth_message))
    }
}

/// What a server proves to know. With it anybody can pass as that server.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ServerKey([u8; KEY_BYTES]);

impl ServerKey {
    /// A key that was stored.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key as it may be stored; guard it as a password.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// `ServerSignature`.
    pub(super) fn signature(&self, auth_message: &[u8]) -> KeyBytes {
        hmac_sha_256(&self.0, &[auth_message])
    }
}

/// The hash of a [`ClientKey`]: enough to check a proof, not enough to make one.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoredKey([u8; KEY_BYTES]);

impl StoredKey {
    /// A key that was stored.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key as it may be stored.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The [`ClientKey`] that `proof` hides, right or wrong, and whether it is the right one.
    pub(super) fn recover(
        &self,
        proof: &[u8; KEY_BYTES],
        auth_message: &[u8],
    ) -> (ClientKey, subtle::Choice) {
        let client_key = ClientKey(*xor(proof, &self.client_signature(auth_message)));
        let is_right = client_key.stored_key().0.ct_eq(&self.0);
        (client_key, is_right)
    }

    fn client_signature(&self, auth_message: &[u8]) -> KeyBytes {
        hmac_sha_256(&self.0, &[auth_message])
    }
}

/// Both keys of a user: what Tidegate needs to log in to a server in that user's name without the
/// password.
#[derive(Clone)]
pub struct ScramKeys {
    /// Proves the user to the server.
    pub client: ClientKey,
    /// Recognizes the server.
    pub server: ServerKey,
}

impl ScramKeys {
    /// Derives the keys from a password, as bytes because `PostgreSQL` accepts what is not UTF-8.
    ///
    /// **Cost**: two SHA-256 compressions an iteration: about a millisecond at 4096. Do not call
    /// it on a worker's thread.
    pub fn derive(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Self {
        let password = saslprep::prepare(password);
        let mut salted_password = KeyBytes::default();
        pbkdf2::pbkdf2_hmac::<Sha256>(
            &password,
            salt,
            iterations.get(),
            salted_password.as_mut_slice(),
        );
        Self {
            client: ClientKey(*hmac_sha_256(&salted_password, &[b"Client Key"])),
            server: ServerKey(*hmac_sha_256(&salted_password, &[b"Server Key"])),
        }
    }
}

/// HMAC-SHA-256 over the parts in order.
#[expect(
    clippy::expect_used,
    reason = "HMAC takes a key of any length; the crate's type cannot say so"
)]
pub(super) fn hmac_sha_256(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> KeyBytes {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        hmac.update(part);
    }
    Zeroizing::new(hmac.finalize().into_bytes().into())
}

fn xor(left: &[u8; KEY_BYTES], right: &[u8; KEY_BYTES]) -> KeyBytes {
    let mut result = Zeroizing::new(*left);
    for (byte, other) in result.iter_mut().zip(right) {
        *byte ^= other;
    }
    result
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientKey(…)")
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerKey(…)")
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoredKey(…)")
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ScramKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::base64;

    const AUTH_MESSAGE: &[u8] = b"n=,r=a,r=ab,s=c2FsdA==,i=1,c=biws,r=ab";

    fn keys() -> ScramKeys {
        ScramKeys::derive(b"pencil", b"salt", NonZeroU32::new(7).unwrap())
    }

    #[test]
    fn the_keys_of_rfc_7677_section_3_prove_and_sign() {
        let salt = b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
        let keys = ScramKeys::derive(b"pencil", salt, NonZeroU32::new(4096).unwrap());
        let auth_message = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        assert_eq!(
            base64::encode(keys.client.proof(auth_message).as_slice()),
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(
            base64::encode(keys.server.signature(auth_message).as_slice()),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
        );
    }

    #[test]
    fn a_proof_reveals_the_client_key_to_who_has_the_stored_key() {
        let keys = keys();
        let proof = keys.client.proof(AUTH_MESSAGE);
        let (recovered, is_right) = keys.client.stored_key().recover(&proof, AUTH_MESSAGE);
        assert!(bool::from(is_right));
        assert_eq!(recovered.as_bytes(), keys.client.as_bytes());
    }

    #[test]
    fn a_proof_of_another_conversation_is_wrong() {
        let keys = keys();
        let proof = keys.client.proof(b"another conversation");
        let (_, is_right) = keys.client.stored_key().recover(&proof, AUTH_MESSAGE);
        assert!(!bool::from(is_right));
    }

    #[test]
    fn no_key_shows_in_debug() {
        let keys = keys();
        let shown = format!(
            "{keys:?} {:?} {:?} {:?}",
            keys.client,
            keys.server,
            keys.client.stored_key()
        );
        assert_eq!(shown, "ScramKeys(…) ClientKey(…) ServerKey(…) StoredKey(…)");
    }
}
