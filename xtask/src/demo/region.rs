//! The three regions of the demo, and how far they are from one another.

use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::DelayingRelay;
use tidegate_harness::Failure;

/// The round trip between Frankfurt and Amsterdam.
const NEAR: Duration = Duration::from_millis(30);
/// The round trip between Sydney and either of them.
const FAR: Duration = Duration::from_millis(180);

/// A place with a PostgreSQL, and perhaps with a Tidegate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// Frankfurt, where the primary is at first.
    Fra,
    /// Amsterdam.
    Ams,
    /// Sydney.
    Syd,
}

impl Region {
    /// All of them, in the order of the endpoints.
    pub(crate) const ALL: [Self; 3] = [Self::Fra, Self::Ams, Self::Syd];

    /// As the configuration has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fra => "fra",
            Self::Ams => "ams",
            Self::Syd => "syd",
        }
    }

    /// How long a question and its answer are under way.
    pub(crate) fn round_trip(self, other: Self) -> Duration {
        match (self, other) {
            (Self::Fra, Self::Ams) | (Self::Ams, Self::Fra) => NEAR,
            (Self::Syd, Self::Fra | Self::Ams) | (Self::Fra | Self::Ams, Self::Syd) => FAR,
            (Self::Fra, Self::Fra) | (Self::Ams, Self::Ams) | (Self::Syd, Self::Syd) => {
                Duration::ZERO
            },
        }
    }
}

/// The way from one region to the PostgreSQL of another.
#[derive(Debug)]
pub(crate) enum Way {
    /// Within a region.
    Direct(u16),
    /// As far as it is.
    Far(DelayingRelay),
}

impl Way {
    /// From here to there.
    ///
    /// # Errors
    /// As [`DelayingRelay::to`].
    pub(crate) fn new(from: Region, to: Region, cluster: &Cluster) -> Result<Self, Failure> {
        if from == to {
            return Ok(Self::Direct(cluster.port()));
        }
        DelayingRelay::to(cluster.port(), from.round_trip(to)).map(Self::Far)
    }

    /// Where it begins, a port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Direct(port) => *port,
            Self::Far(relay) => relay.port(),
        }
    }
}
