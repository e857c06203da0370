//! Secrets that stand in tenants' own databases, for the edge of every worker.
//!
//! One question at a time per tenant, however many clients come at once, so that a flood of
//! logins is no flood of connections to the tenant's database. Whoever waited takes an answer that
//! came meanwhile.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::auth::LookedUp;
use crate::edge::Answer;
use crate::edge::LookupError;
use crate::edge::Question;
use crate::edge::SecretLookups;
use crate::limits::RECENT_SECRETS_COUNT_MAX;
use crate::pool::PoolError;
use crate::pool::Randomness;
use crate::pool::SecretConnection;
use crate::telemetry::TenantSlot;

/// Asks tenants' databases.
#[derive(Debug)]
pub(super) struct Secrets {
    random: Randomness,
    tenants: DashMap<TenantSlot, Arc<Mutex<Recent>>>,
}

/// The last answers about one tenant's users, newest last.
#[derive(Debug, Default)]
struct Recent(Vec<(Box<str>, Instant, LookedUp)>);

impl Secrets {
    pub(super) fn new(random: Randomness) -> Self {
        Self {
            random,
            tenants: DashMap::new(),
        }
    }

    async fn ask(&self, question: Question<'_>) -> Result<LookedUp, PoolError> {
        let asked_at = Instant::now();
        let slot = question.tenant.slot();
        let tenant = Arc::clone(self.tenants.entry(slot).or_default().value());
        let mut recent = tenant.lock().await;
        if let Some(answer) = recent.since(asked_at, question.user) {
            return Ok(answer);
        }
        let config = question.tenant.config();
        let (query, database) = (question.query, question.database);
        let mut connection = SecretConnection::open(&config, query, database, self.random).await?;
        let answer = connection.ask(query, question.user).await?;
        recent.keep(question.user, answer.clone());
        Ok(answer)
    }
}

impl SecretLookups for Secrets {
    fn look_up<'a>(&'a self, question: Question<'a>) -> Answer<'a> {
        Box::pin(async move {
            let asked = self.ask(question).await;
            asked.map_err(|error| LookupError::Failed(Box::new(error)))
        })
    }
}

impl Recent {
    /// An answer that came after `start`.
    fn since(&self, start: Instant, user: &str) -> Option<LookedUp> {
        let found = self
            .0
            .iter()
            .rev()
            .find(|(known, at, _)| **known == *user && *at >= start);
        found.map(|(_, _, answer)| answer.clone())
    }

    fn keep(&mut self, user: &str, answer: LookedUp) {
        let now = Instant::now();
        // Nobody can have waited longer than a login may take.
        self.0
            .retain(|(known, at, _)| **known != *user && now - *at < Duration::from_hours(1));
        if self.0.len() >= RECENT_SECRETS_COUNT_MAX {
            self.0.remove(0);
        }
        self.0.push((user.into(), now, answer));
    }
}
