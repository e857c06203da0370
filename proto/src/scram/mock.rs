//! The secret of a user that does not exist.
//!
//! A refusal must not tell whether the user exists, so an unknown one gets a challenge too. Its
//! salt depends on the tenant, the name and a key that only we have, and so is the same at every
//! attempt, as a real one is; a random salt would give it away at the second try.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use sha2::Digest as _;
use sha2::Sha256;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;

use crate::limits::SCRAM_SALT_BYTES;

use super::keys::KEY_BYTES;
use super::keys::ServerKey;
use super::keys::StoredKey;
use super::keys::hmac_sha_256;
use super::secret::ScramSecret;

/// The key behind every mock salt. It should outlive a restart and be the same on every node, else
/// salts change where real ones do not.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MockKey([u8; KEY_BYTES]);

impl MockKey {
    /// A key drawn by the caller from the system's generator, or stored.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key that a secret text of the configuration stands for.
    pub fn from_text(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The salt of this user of this tenant: the first bytes of
    /// `HMAC-SHA-256(key, tenant 0x00 user)`.
    ///
    /// It is also right for users whose password is stored in the clear and who have no salt of
    /// their own: theirs then cannot be told from a mock.
    pub fn salt(&self, tenant: &[u8], user: &[u8]) -> [u8; SCRAM_SALT_BYTES] {
        let code = hmac_sha_256(&self.0, &[tenant, &[0], user]);
        let mut salt = [0; SCRAM_SALT_BYTES];
        for (byte, random) in salt.iter_mut().zip(code.iter()) {
            *byte = *random;
        }
        salt
    }

    /// The secret of an unknown user; `iterations` is what the known ones of this tenant have.
    pub fn secret(&self, tenant: &[u8], user: &[u8], iterations: NonZeroU32) -> MockSecret {
        MockSecret(ScramSecret {
            iterations,
            salt: Arc::from(self.salt(tenant, user)),
            // As PostgreSQL: no proof is ever measured by these, the exchange is doomed.
            stored_key: StoredKey::from_bytes([0; KEY_BYTES]),
            server_key: ServerKey::from_bytes([0; KEY_BYTES]),
        })
    }
}

impl fmt::Debug for MockKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MockKey(…)")
    }
}

/// A secret that nobody has. A type of its own, so that it cannot be given to an exchange that
/// could succeed.
#[derive(Debug, Clone)]
pub struct MockSecret(ScramSecret);

impl MockSecret {
    pub(super) fn into_inner(self) -> ScramSecret {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

    #[test]
    fn mock_salt_stable() {
        let salt = MockKey::new(KEY).salt(b"acme", b"alice");
        assert_eq!(MockKey::new(KEY).salt(b"acme", b"alice"), salt);
        // Fixed here as well, so that an upgrade does not change what clients see.
        assert_eq!(
            salt.map(|byte| format!("{byte:02x}")).concat(),
            "1e32e135be7837cd9cc0c5c7083f5421"
        );
    }

    #[test]
    fn mock_salts_differ_by_tenant_user_and_key() {
        let key = MockKey::new(KEY);
        let salts = [
            key.salt(b"acme", b"alice"),
            key.salt(b"acme", b"bob"),
            key.salt(b"initech", b"alice"),
            key.salt(b"acmea", b"lice"),
            MockKey::new([8; KEY_BYTES]).salt(b"acme", b"alice"),
        ];
        for (index, salt) in salts.iter().enumerate() {
            assert!(!salts[..index].contains(salt), "salt {index} repeats");
        }
    }
}
