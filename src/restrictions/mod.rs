//! Who may enter: networks, private endpoints, limits, rates, failed logins; and what is told to
//! those who may not.
//!
//! It sees [`ClientAddress`](crate::tenancy::ClientAddress) and never the peer's; it reads no clock
//! (every `now` is an argument), waits for nothing, and checks no password. A decision is made
//! before a password is asked for, except where a tenant's secrecy wants a doomed one.

mod address_ranges;
mod admission;
mod backlog;
mod denial;
mod gate;
mod network;
mod rate;
mod report;
mod throttle;
mod throttle_table;

#[cfg(test)]
mod test_clock;

pub use admission::Admission;
pub use admission::Admitted;
pub use admission::Applicant;
pub use admission::Refused;
pub use backlog::Backlog;
pub use backlog::BacklogFull;
pub use backlog::BacklogGuard;
pub use denial::Denial;
pub use denial::Disposition;
pub use denial::Seen;
pub use gate::RateReached;
pub use gate::RateScope;
pub use network::NetworkRefusal;
pub use network::NetworkRestriction;
pub use network::Verdict;
pub use report::Report;
pub use throttle::Attempt;
pub use throttle::LoginOutcome;
pub use throttle::Settled;
pub use throttle::Throttle;
pub use throttle::Throttled;
