//! `ScramSecret`: what a server stores of a password, in the text form that `PostgreSQL` keeps in
//! `pg_authid`: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
//!
//! It never shows in `Debug` and has no `Display`: whoever has the text can try passwords offline.
//!
//! See <https://www.postgresql.org/docs/current/catalog-pg-authid.html>.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::limits::SCRAM_ITERATIONS_STORED_MAX;
use crate::limits::SCRAM_SALT_BYTES_MAX;
use crate::limits::SCRAM_SECRET_BYTES_MAX;

use super::base64;
use super::error::Defect;
use super::error::ScramError;
use super::error::ScramMessage;
use super::iterations;
use super::keys::ScramKeys;
use super::keys::ServerKey;
use super::keys::StoredKey;

const SCHEME: &str = "SCRAM-SHA-256$";

/// A stored SCRAM-SHA-256 secret.
#[derive(Clone)]
pub struct ScramSecret {
    pub(super) iterations: NonZeroU32,
    /// `1 <= salt.len() <= SCRAM_SALT_BYTES_MAX`, which every constructor sees to.
    /// Shared, so that a login copies the keys and nothing else.
    pub(super) salt: Arc<[u8]>,
    pub(super) stored_key: StoredKey,
    pub(super) server_key: ServerKey,
}

impl ScramSecret {
    /// Whether `text` claims to be such a secret; [`parse`](Self::parse) may still refuse it.
    pub fn is_scram_secret(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads the text form, strictly.
    ///
    /// # Errors
    /// The pooler's fault (a configuration or a lookup is wrong): [`ScramError::TooLong`],
    /// [`ScramError::Malformed`] or [`ScramError::IterationsRefused`], each about
    /// [`ScramMessage::StoredSecret`]. None repeats the text.
    pub fn parse(text: &str) -> Result<Self, ScramError> {
        let message = ScramMessage::StoredSecret;
        let malformed = |defect| message.malformed(defect);
        if text.len() > SCRAM_SECRET_BYTES_MAX {
            return Err(ScramError::TooLong {
                message,
                bytes_max: SCRAM_SECRET_BYTES_MAX,
            });
        }
        let parts = text.strip_prefix(SCHEME).ok_or(malformed(Defect::Scheme))?;
        let (cost, keys) = parts.split_once('$').ok_or(malformed(Defect::Parts))?;
        let (iterations, salt) = cost.split_once(':').ok_or(malformed(Defect::Parts))?;
        let (stored_key, server_key) = keys.split_once(':').ok_or(malformed(Defect::Parts))?;

        let iterations =
            iterations::parse(iterations.as_bytes(), message, SCRAM_ITERATIONS_STORED_MAX)?;
        let salt = base64::decode(salt.as_bytes(), SCRAM_SALT_BYTES_MAX)
            .ok_or(malformed(Defect::Base64('s')))?;
        let stored_key =
            base64::decode_exactly(stored_key.as_bytes()).ok_or(malformed(Defect::Base64('k')))?;
        let server_key =
            base64::decode_exactly(server_key.as_bytes()).ok_or(malformed(Defect::Base64('v')))?;
        Ok(Self {
            iterations,
            salt: salt.into(),
            stored_key: StoredKey::from_bytes(*stored_key),
            server_key: ServerKey::from_bytes(*server_key),
        })
    }

    /// The secret that stores these keys, derived with this salt and count.
    ///
    /// # Errors
    /// The pooler's fault: [`ScramError::Malformed`] if the salt is empty or longer than
    /// [`SCRAM_SALT_BYTES_MAX`].
    pub fn from_keys(
        keys: &ScramKeys,
        salt: &[u8],
        iterations: NonZeroU32,
    ) -> Result<Self, ScramError> {
        if salt.is_empty() || salt.len() > SCRAM_SALT_BYTES_MAX {
            return Err(ScramMessage::StoredSecret.malformed(Defect::Base64('s')));
        }
        Ok(Self {
            iterations,
            salt: Arc::from(salt),
            stored_key: keys.client.stored_key(),
            server_key: keys.server.clone(),
        })
    }

    /// The secret that stores this password. Slow: see [`ScramKeys::derive`].
    ///
    /// # Errors
    /// As [`from_keys`](Self::from_keys).
    pub fn from_password(
        password: &[u8],
        salt: &[u8],
        iterations: NonZeroU32,
    ) -> Result<Self, ScramError> {
        Self::from_keys(
            &ScramKeys::derive(password, salt, iterations),
            salt,
            iterations,
        )
    }

    /// The text form, to be stored.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "{SCHEME}{}:{}${}:{}",
            self.iterations,
            base64::encode(&self.salt),
            base64::encode(self.stored_key.as_bytes()),
            base64::encode(self.server_key.as_bytes()),
        ))
    }

    /// How often the password was hashed.
    pub fn iterations(&self) -> NonZeroU32 {
        self.iterations
    }

    /// What was mixed into it.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The key that recognizes the server, for passthrough.
    pub fn server_key(&self) -> &ServerKey {
        &self.server_key
    }

    /// Whether `keys` are those that this secret stores, in constant time: so a password sent in
    /// the clear is checked, after [`ScramKeys::derive`] with this salt and count.
    pub fn is_of(&self, keys: &ScramKeys) -> bool {
        use subtle::ConstantTimeEq as _;
        keys.client
            .stored_key()
            .as_bytes()
            .ct_eq(self.stored_key.as_bytes())
            .into()
    }
}

impl fmt::Debug for ScramSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ScramSecret({} iterations, …)", self.iterations)
    }
}
