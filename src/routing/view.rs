//! What the console shows of an endpoint.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Endpoint;
use crate::routing::RoundTrip;
use crate::routing::Sighting;

/// What the console shows of an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointView {
    /// Its configuration.
    pub endpoint: Arc<Endpoint>,
    /// Whether the tenant's writes go there.
    pub is_primary: bool,
    /// What it last said.
    pub sighting: Option<Sighting>,
    /// How long ago that was.
    pub seen_ago: Option<Duration>,
    /// The round trip.
    pub round_trip: Option<RoundTrip>,
    /// How often in a row it could not be asked.
    pub failures: u32,
    /// Why not, the last time.
    pub error: Option<String>,
    /// What the last server of it said that broke or could not be opened.
    pub blame: Option<String>,
}

impl EndpointView {
    /// An endpoint that nobody has looked at.
    pub fn unseen(endpoint: &Arc<Endpoint>) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            is_primary: false,
            sighting: None,
            seen_ago: None,
            round_trip: None,
            failures: 0,
            error: None,
            blame: None,
        }
    }
}
