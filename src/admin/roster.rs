//! The operators at the console, all workers together. PgBouncer shows them as clients of a
//! database `pgbouncer`, and so does the console.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::admin::Operator;
use crate::limits::CONSOLE_SESSIONS_MAX;
use crate::net::AgreedTls;
use crate::tenancy::Origin;

/// The operators at the console.
#[derive(Debug, Default)]
pub struct Roster {
    /// At most [`CONSOLE_SESSIONS_MAX`].
    sessions: Mutex<BTreeMap<u64, Arc<Enrolled>>>,
    commands: AtomicU64,
}

/// One operator at the console.
#[derive(Debug)]
pub struct Enrolled {
    /// Its number; clients have theirs from the same row.
    pub id: u64,
    /// The user name.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Our end of the connection; `None` on a unix socket.
    pub local: Option<SocketAddr>,
    /// What TLS was agreed on.
    pub tls: Option<AgreedTls>,
    /// The application's name for itself. Untrusted.
    pub application_name: String,
    /// Since when it is there.
    pub since: Instant,
    killed: Notify,
}

/// As many operators are at the console as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{CONSOLE_SESSIONS_MAX} operators are at the console already")]
pub struct RosterFull;

/// An operator's entry; dropping it takes the operator out.
#[derive(Debug)]
pub(super) struct Place {
    roster: Arc<Roster>,
    pub(super) enrolled: Arc<Enrolled>,
}

impl Roster {
    /// Enters an operator under a number.
    ///
    /// # Errors
    /// [`RosterFull`]: it is to be sent away.
    pub(super) fn enroll(
        self: &Arc<Self>,
        operator: &Operator,
        id: u64,
        now: Instant,
    ) -> Result<Place, RosterFull> {
        let mut sessions = self.lock();
        if sessions.len() >= CONSOLE_SESSIONS_MAX {
            return Err(RosterFull);
        }
        let enrolled = Arc::new(Enrolled {
            id,
            name: operator.name.clone(),
            origin: operator.origin.clone(),
            local: operator.socket.transport().local_address(),
            tls: operator.socket.tls(),
            application_name: operator.application_name().to_owned(),
            since: now,
            killed: Notify::new(),
        });
        sessions.insert(id, Arc::clone(&enrolled));
        drop(sessions);
        Ok(Place {
            roster: Arc::clone(self),
            enrolled,
        })
    }

    /// Who is there, in the order in which they came.
    pub fn operators(&self) -> Vec<Arc<Enrolled>> {
        self.lock().values().map(Arc::clone).collect()
    }

    /// Ends a session. False if there is none of this number.
    pub fn kill(&self, id: u64) -> bool {
        let found = self.lock().get(&id).map(Arc::clone);
        if let Some(enrolled) = &found {
            enrolled.killed.notify_one();
        }
        found.is_some()
    }

    /// Commands that were run since the process came up.
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    pub(super) fn count_command(&self) {
        self.commands.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Enrolled>>> {
        // Every change of the map is complete before anything can panic.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Enrolled {
    /// Waits until somebody ends the session.
    pub(super) async fn killed(&self) {
        self.killed.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.roster.lock().remove(&self.enrolled.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::sample;

    #[tokio::test]
    async fn an_operator_is_there_until_its_place_is_given_up() {
        let roster = Arc::new(Roster::default());
        let (operator, _far) = sample::operator();
        let place = roster.enroll(&operator, 7, Instant::now()).unwrap();
        assert_eq!(roster.operators()[0].name, operator.name);
        assert!(roster.kill(7));
        assert!(!roster.kill(8));
        place.enrolled.killed().await;
        drop(place);
        assert!(roster.operators().is_empty());
    }

    #[tokio::test]
    async fn the_console_has_a_limit_of_its_own() {
        let roster = Arc::new(Roster::default());
        let (operator, _far) = sample::operator();
        let enroll = |id| roster.enroll(&operator, id, Instant::now());
        let places: Vec<_> = (0..CONSOLE_SESSIONS_MAX as u64)
            .map(|id| enroll(id).unwrap())
            .collect();
        assert_eq!(enroll(u64::MAX).unwrap_err(), RosterFull);
        drop(places);
        assert!(enroll(u64::MAX).is_ok());
    }
}
