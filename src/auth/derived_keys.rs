//! Keys that were derived before, so that a login costs the slow part of SCRAM once.
//!
//! It knows a derivation by a keyed digest; no password is kept here. Whoever drives an
//! authentication asks it before it runs a [`Derivation`], and tells it the result only after the
//! login succeeded: else guessed passwords would push out the right ones.

use std::fmt;

use sha2::Digest as _;
use sha2::Sha256;
use tidegate_proto::scram::ScramKeys;
use zeroize::Zeroizing;

use crate::auth::bounded_map::BoundedMap;
use crate::auth::derivation::Derivation;
use crate::limits::DERIVED_KEYS_ENTRIES_MAX;

/// Keys by what they were derived from, at most [`DERIVED_KEYS_ENTRIES_MAX`].
pub struct DerivedKeys {
    /// Random and never told, so that the digests fit no table of passwords.
    digest_key: Zeroizing<[u8; 32]>,
    keys: BoundedMap<[u8; 32], ScramKeys>,
}

impl DerivedKeys {
    /// Empty; `digest_key` is drawn by the caller from the system's generator.
    pub fn new(digest_key: [u8; 32]) -> Self {
        Self {
            digest_key: Zeroizing::new(digest_key),
            keys: BoundedMap::new(DERIVED_KEYS_ENTRIES_MAX),
        }
    }

    /// The keys that `derivation` would give, if they are remembered.
    pub fn get(&mut self, derivation: &Derivation) -> Option<ScramKeys> {
        let digest = self.digest(derivation);
        self.keys.get(&digest).map(|keys| keys.clone())
    }

    /// Remembers what `derivation` gave.
    pub fn insert(&mut self, derivation: &Derivation, keys: ScramKeys) {
        self.keys.insert(self.digest(derivation), keys);
    }

    fn digest(&self, derivation: &Derivation) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(self.digest_key.as_slice());
        // Lengths go before the texts, so that no two derivations give the same bytes.
        for part in [derivation.password.reveal(), &derivation.salt] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.update(derivation.iterations.get().to_le_bytes());
        digest.finalize().into()
    }
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DerivedKeys({} entries)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::auth::secret::Password;

    fn derivation(password: &[u8], salt: &[u8], iterations: u32) -> Derivation {
        Derivation::new(
            Password::new(password),
            salt,
            NonZeroU32::new(iterations).unwrap(),
        )
    }

    #[test]
    fn keys_are_found_by_password_salt_and_count() {
        let mut derived = DerivedKeys::new([7; 32]);
        let original = derivation(b"pencil", b"salt", 2);
        let keys = original.run();
        assert!(derived.get(&original).is_none());
        derived.insert(&original, keys.clone());
        let found = derived.get(&original).unwrap();
        assert_eq!(found.client.as_bytes(), keys.client.as_bytes());
        for other in [
            derivation(b"pencil ", b"salt", 2),
            derivation(b"pencil", b"sal", 2),
            derivation(b"pencils", b"alt", 2),
            derivation(b"pencil", b"salt", 3),
        ] {
            assert!(derived.get(&other).is_none());
        }
    }
}
