//! Secrets that stand in tenants' own databases, for the edge of every worker.
//!
//! One question at a time per tenant, however many clients come at once, so that a flood of
//! logins is no flood of connections to the tenant's database. Whoever waited takes an answer that
//! came meanwhile. So it is with a failure: as long as a login waits, it takes one of the places
//! that all tenants share, and a database that does not answer must not take them all.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::auth::LookedUp;
use crate::config;
use crate::config::Role;
use crate::edge::Answer;
use crate::edge::LookupError;
use crate::edge::Question;
use crate::edge::SecretLookups;
use crate::limits::RECENT_SECRETS_COUNT_MAX;
use crate::limits::SECRET_RETRY_INTERVAL;
use crate::pool::Asking;
use crate::pool::Names;
use crate::pool::PoolError;
use crate::pool::Randomness;
use crate::pool::SecretConnection;
use crate::pool::Sockets;
use crate::routing::Place;
use crate::routing::Topologies;
use crate::telemetry::TenantSlot;
use crate::tenancy::Tenant;

/// Asks tenants' databases.
#[derive(Debug)]
pub(super) struct Secrets {
    random: Randomness,
    names: Arc<Names>,
    topologies: Arc<Topologies>,
    tenants: DashMap<TenantSlot, Arc<Mutex<Recent>>>,
}

/// What one tenant's database said last.
#[derive(Debug, Default)]
struct Recent {
    /// Answers about users, newest last.
    answers: Vec<(Box<str>, Instant, LookedUp)>,
    /// When it could not be asked, and why.
    failure: Option<(Instant, Arc<PoolError>)>,
}

impl Secrets {
    pub(super) fn new(random: Randomness, names: Arc<Names>, topologies: Arc<Topologies>) -> Self {
        Self {
            random,
            names,
            topologies,
            tenants: DashMap::new(),
        }
    }

    async fn ask(&self, question: Question<'_>) -> Result<LookedUp, Arc<PoolError>> {
        let asked_at = Instant::now();
        let slot = question.tenant.slot();
        let tenant = Arc::clone(self.tenants.entry(slot).or_default().value());
        let mut recent = tenant.lock().await;
        if let Some(answer) = recent.since(asked_at, question.user) {
            return Ok(answer);
        }
        if let Some(error) = recent.failure_of(asked_at) {
            return Err(error);
        }
        let answer = self.connect_and_ask(question).await.map_err(Arc::new);
        match &answer {
            Ok(answer) => recent.keep(question.user, answer.clone()),
            Err(error) if is_of_the_database(error) => {
                recent.failure = Some((Instant::now(), Arc::clone(error)));
            },
            Err(_) => {},
        }
        answer
    }

    /// The primary as far as it is known, and before it is, whatever may be: a standby knows the same
    /// users.
    fn endpoints(&self, tenant: &Tenant, config: &config::Tenant) -> Vec<Arc<config::Endpoint>> {
        if let Some(topology) = self.topologies.in_use(tenant.slot())
            && let Place::At(primary) = topology.place()
        {
            return vec![primary];
        }
        let endpoints = config.endpoints.iter();
        let endpoints = endpoints.filter(|endpoint| endpoint.role != Role::Replica);
        endpoints.map(Arc::clone).collect()
    }

    async fn connect_and_ask(&self, question: Question<'_>) -> Result<LookedUp, PoolError> {
        let config = question.tenant.config();
        let (query, database) = (question.query, question.database);
        let endpoints = self.endpoints(question.tenant, &config);
        let from = Asking {
            sockets: Sockets {
                config: None,
                names: Some(Arc::clone(&self.names)),
            },
            random: self.random,
            asker: question.tenant.slot(),
        };
        let mut connection =
            SecretConnection::open(&endpoints, &config, query, database, &from).await?;
        connection.ask(query, question.user).await
    }
}

/// Whether nobody else would get an answer either. A database that answers, and refuses, answers fast;
/// and what it refuses may be one client's doing: another database, a name that no query can take.
fn is_of_the_database(error: &PoolError) -> bool {
    match error {
        PoolError::Unresolved { .. }
        | PoolError::Unreachable { .. }
        | PoolError::Tls { .. }
        | PoolError::Broke(_)
        | PoolError::Timeout { .. } => true,
        PoolError::NoEndpoint
        | PoolError::NoPrimary(_)
        | PoolError::NoPrimaryInTime { .. }
        | PoolError::Asleep
        | PoolError::WokenTooOften { .. }
        | PoolError::BadMonitorAnswer
        | PoolError::OtherSettings { .. }
        | PoolError::BadCatalogAnswer
        | PoolError::ServerRefused { .. }
        | PoolError::OwnLoginRefused(_)
        | PoolError::Login(_)
        | PoolError::Secret(_)
        | PoolError::ServerViolation(_)
        | PoolError::ReplyTooLarge
        | PoolError::BadAuthQuery
        | PoolError::Unwritable(_)
        | PoolError::QueryWaitTimeout { .. }
        | PoolError::TooManyWaiting => false,
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
            .answers
            .iter()
            .rev()
            .find(|(known, at, _)| **known == *user && *at >= start);
        found.map(|(_, _, answer)| answer.clone())
    }

    /// The failure that came after `start`, or shortly before.
    fn failure_of(&self, start: Instant) -> Option<Arc<PoolError>> {
        let (at, error) = self.failure.as_ref()?;
        (*at + SECRET_RETRY_INTERVAL > start).then(|| Arc::clone(error))
    }

    fn keep(&mut self, user: &str, answer: LookedUp) {
        let now = Instant::now();
        self.failure = None;
        // Nobody can have waited longer than a login may take.
        self.answers
            .retain(|(known, at, _)| **known != *user && now - *at < Duration::from_hours(1));
        if self.answers.len() >= RECENT_SECRETS_COUNT_MAX {
            self.answers.remove(0);
        }
        self.answers.push((user.into(), now, answer));
    }
}
