//! The slow part of SCRAM as a thing to be passed around: what to derive keys from.
//!
//! It must never be run on a worker's thread: it takes a millisecond at 4096 iterations, and a
//! second at the most that the configuration allows.

use std::num::NonZeroU32;

use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;

use crate::auth::secret::Password;

/// A password, and how its keys are derived.
#[derive(Debug, Clone)]
pub struct Derivation {
    pub(in crate::auth) password: Password,
    pub(in crate::auth) salt: Box<[u8]>,
    pub(in crate::auth) iterations: NonZeroU32,
}

impl Derivation {
    /// What derives the keys of `password` with this salt and count.
    pub fn new(password: Password, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salt = Box::from(salt);
        Self {
            password,
            salt,
            iterations,
        }
    }

    /// Derives the keys. Slow: run it where it delays nobody.
    pub fn run(&self) -> ScramKeys {
        ScramKeys::derive(self.password.reveal(), &self.salt, self.iterations)
    }

    /// The secret that stores `keys`, which this derivation gave.
    ///
    /// # Errors
    /// The pooler's fault: the salt has no legal length.
    pub(in crate::auth) fn secret_of(&self, keys: &ScramKeys) -> Result<ScramSecret, ScramError> {
        ScramSecret::from_keys(keys, &self.salt, self.iterations)
    }
}
