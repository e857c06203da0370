//! When an endpoint was looked at.

use tokio::time::Instant;

/// When an endpoint was looked at; `connected_at <= asked_at <= answered_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The connection over which it was asked has been open since then.
    pub connected_at: Instant,
    /// What it said was true after this moment.
    pub asked_at: Instant,
    /// And before this one.
    pub answered_at: Instant,
}
