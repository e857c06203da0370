//! What is counted and what is logged: counters by tenant slot, log set-up, redaction.
//!
//! It knows tenants only as [`TenantSlot`] numbers, and never their names; it never sees a secret,
//! and nothing from outside reaches a log line except through [`Untrusted`].

pub mod counters;
pub mod log;
pub mod redaction;
pub mod refusal;
pub mod slot;

pub use counters::Count;
pub use counters::CounterTotals;
pub use counters::Counters;
pub use counters::WorkerCounters;
pub use counters::WorkerTotals;
pub use log::LogFormat;
pub use log::LogHandle;
pub use redaction::Untrusted;
pub use refusal::RefusalReason;
pub use slot::TenantSlot;
