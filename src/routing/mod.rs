//! Where a tenant's endpoints are, what they say of themselves, which of them takes its writes, and
//! where its reads go.
//!
//! Nothing here talks: monitors of the pools look at endpoints and tell it, pools and sessions ask it.

mod ejection;
mod floor;
mod known;
mod life;
mod look;
mod lsn;
mod memory;
mod news;
mod past;
mod primary;
mod progress;
mod readers;
mod rest;
mod round_trip;
mod sighting;
#[cfg(test)]
mod tests;
mod topologies;
mod topology;
mod view;

pub use self::floor::TenantFloor;
pub use self::floor::UnprovenWrite;
pub use self::life::Life;
pub use self::look::Look;
pub use self::lsn::Lsn;
pub use self::lsn::NoLsn;
pub use self::memory::Memory;
pub use self::past::Past;
pub use self::past::Seen;
pub use self::readers::Choice;
pub use self::readers::Preferences;
pub use self::readers::Reader;
pub use self::readers::Readers;
pub use self::readers::Rule;
pub use self::readers::Target;
pub use self::readers::Unfit;
pub use self::readers::Verdict;
pub use self::readers::WHOLE_SHARE;
pub use self::readers::Wish;
pub use self::round_trip::RoundTrip;
pub use self::sighting::Sighting;
pub use self::sighting::State;
pub use self::topologies::Topologies;
pub use self::topology::NoPrimary;
pub use self::topology::Place;
pub use self::topology::Topology;
pub use self::topology::Watch;
pub use self::view::EndpointView;
