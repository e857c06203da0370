//! What is counted and what is logged: counters by tenant slot, log set-up, redaction.
//!
//! It knows tenants only as [`TenantSlot`] numbers, and never their names; it never sees a secret,
//! and nothing from outside reaches a log line except through [`Untrusted`].

mod counters;
pub mod log;
mod redaction;
mod refusal;
mod slot;
mod worker_counters;

pub use counters::Count;
pub use counters::CounterTotals;
pub use counters::Counters;
pub use log::LogFormat;
pub use log::LogHandle;
pub use redaction::Untrusted;
pub use refusal::RefusalReason;
pub use slot::TenantSlot;
pub use worker_counters::DatabaseKey;
pub use worker_counters::WorkerCounters;
pub use worker_counters::WorkerTotals;
