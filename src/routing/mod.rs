//! Where a tenant's endpoints are, what they say of themselves, and which of them takes its writes.
//!
//! Nothing here waits or talks: monitors of the pools look at endpoints and tell it, pools ask it.

mod lsn;
mod primary;
mod round_trip;
mod sighting;
#[cfg(test)]
mod tests;
mod topologies;
mod topology;

pub use self::lsn::Lsn;
pub use self::lsn::NoLsn;
pub use self::round_trip::RoundTrip;
pub use self::sighting::Sighting;
pub use self::sighting::State;
pub use self::topologies::Topologies;
pub use self::topology::EndpointView;
pub use self::topology::NoPrimary;
pub use self::topology::Place;
pub use self::topology::Topology;
pub use self::topology::Watch;
