//! What all workers share at the edge.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tidegate_proto::scram::MockKey;

use crate::config::Config;
use crate::edge::cancel_request::CancelSink;
use crate::restrictions::Admission;
use crate::restrictions::Backlog;
use crate::restrictions::Throttle;

/// Fills a buffer with random bytes from a generator fit for keys.
pub type Randomness = fn(&mut [u8]);

/// The gate that every connection passes. Cloning is cheap: every part is shared.
#[derive(Clone)]
pub struct Gate {
    /// The configuration of the moment; a reload replaces it.
    pub config: Arc<ArcSwap<Config>>,
    /// Who may enter which tenant.
    pub admission: Arc<Admission>,
    /// Who stands unauthenticated.
    pub backlog: Arc<Backlog>,
    /// Whose logins failed.
    pub throttle: Arc<Throttle>,
    /// What unknown users are challenged with.
    pub mock_key: MockKey,
    /// Where cancel requests go.
    pub cancels: Arc<dyn CancelSink>,
    /// Where nonces and salts come from.
    pub random: Randomness,
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gate").finish_non_exhaustive()
    }
}
