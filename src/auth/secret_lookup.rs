//! Secrets that stand in the tenant's own database: what whoever asks for them promises.
//!
//! `auth` does not know how to ask; `pool` implements it with `auth_query`. Nothing a client sent
//! but the name, as a bound parameter, may touch that query (CVE-2025-12819).

use std::time::Instant;

use crate::auth::credentials::Credentials;

/// Asks the tenant's database for a user's secret.
pub trait SecretLookup {
    /// Why no answer came; says nothing about the user.
    type Error: std::error::Error;

    /// What the database says of `user`.
    ///
    /// A user that is not found is [`Credentials::Unknown`]; one whose password is not set or has
    /// expired is [`Credentials::WithoutSecret`] (CVE-2025-2291). A secret in a form that cannot be
    /// read is an error, never a password.
    ///
    /// # Errors
    /// The database could not be asked, or gave an answer of the wrong shape.
    fn look_up(&self, user: &str) -> impl Future<Output = Result<LookedUp, Self::Error>>;
}

/// An answer.
#[derive(Debug, Clone)]
pub struct LookedUp {
    /// What the database knows of the user.
    pub credentials: Credentials,
    /// When the password expires, if the answer says so.
    pub valid_until: Option<Instant>,
}
