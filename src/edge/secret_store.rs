//! What is remembered of secrets between logins, and who is asked for those that stand in a
//! tenant's own database.
//!
//! Shared by the workers, and locked only while it is looked at. Nothing in it is ever printed.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Instant;

use tidegate_proto::scram::ScramKeys;
use tokio::sync::Semaphore;

use crate::auth::Credentials;
use crate::auth::Derivation;
use crate::auth::DerivedKeys;
use crate::auth::LookedUp;
use crate::auth::SecretCache;
use crate::config::AuthQuery;
use crate::edge::gate::Randomness;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// The secrets of the node: one per process.
pub struct SecretStore {
    looked_up: Mutex<SecretCache>,
    derived: Mutex<DerivedKeys>,
    /// One derivation per core at a time: it is nothing but arithmetic.
    derivations: Semaphore,
}

/// Asks a tenant's database for the secret of a user, on a connection of its own.
pub trait SecretLookups: Send + Sync {
    /// What the database says of `question.user`. It is dropped when the client's time is up.
    fn look_up<'a>(&'a self, question: Question<'a>) -> Answer<'a>;
}

/// What is to be looked up.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whose database.
    pub tenant: &'a Arc<Tenant>,
    /// How it is asked.
    pub query: &'a AuthQuery,
    /// The database that the client wants, by its name on the server; for an `auth_query` that
    /// names none.
    pub database: &'a str,
    /// The user.
    pub user: &'a str,
}

/// The answer to a [`Question`].
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<LookedUp, LookupError>> + 'a>>;

/// Why no answer came: the server's fault. It says nothing about the user.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The database could not be asked.
    #[error("the tenant's database could not be asked for the secret")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This node asks no databases.
    #[error("this node asks no database for secrets")]
    Unavailable,
}

impl SecretStore {
    /// Nothing remembered.
    pub fn new(random: Randomness) -> Self {
        let mut digest_key = [0; 32];
        random(&mut digest_key);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            looked_up: Mutex::default(),
            derived: Mutex::new(DerivedKeys::new(digest_key)),
            derivations: Semaphore::new(cores),
        }
    }

    /// Forgets what was looked up for a tenant, whose configuration changed or who is gone.
    pub fn forget_tenant(&self, tenant: TenantSlot) {
        lock(&self.looked_up).forget_tenant(tenant);
    }

    /// What is known of the user of a question: remembered, or asked for now.
    ///
    /// # Errors
    /// [`LookupError`]: the server's fault.
    pub(super) async fn credentials(
        &self,
        question: Question<'_>,
        lookups: Option<&dyn SecretLookups>,
    ) -> Result<Credentials, LookupError> {
        let (slot, user, ttl) = (question.tenant.slot(), question.user, question.query.ttl);
        let remembered = lock(&self.looked_up).get(slot, user, ttl, now());
        if let Some(credentials) = remembered {
            return Ok(credentials);
        }
        let lookups = lookups.ok_or(LookupError::Unavailable)?;
        let looked_up = lookups.look_up(question).await?;
        let credentials = looked_up.credentials.clone();
        lock(&self.looked_up).insert(slot, user, looked_up, ttl, now());
        Ok(credentials)
    }

    /// A login with looked-up credentials failed: they may have changed.
    pub(super) fn login_failed(&self, tenant: TenantSlot, user: &str) {
        lock(&self.looked_up).login_failed(tenant, user);
    }

    /// The keys of a derivation: remembered, or derived on a thread that may take its time.
    ///
    /// # Errors
    /// The process is coming to its end.
    pub(super) async fn derive(&self, derivation: &Derivation) -> io::Result<ScramKeys> {
        let remembered = lock(&self.derived).get(derivation);
        if let Some(keys) = remembered {
            return Ok(keys);
        }
        let permit = self.derivations.acquire().await.map_err(io::Error::other)?;
        let ours = derivation.clone();
        let keys = tokio::task::spawn_blocking(move || ours.run()).await?;
        drop(permit);
        Ok(keys)
    }

    /// Remembers the keys of a derivation, whose password is a right one.
    pub(super) fn remember(&self, derivation: &Derivation, keys: ScramKeys) {
        lock(&self.derived).insert(derivation, keys);
    }
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SecretStore")
            .finish_non_exhaustive()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
