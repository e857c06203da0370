//! What a relay must know of a conversation: whose each reply is, and when a server is clean.
//!
//! Nothing here looks at more than a tag and, for `ReadyForQuery`, one status byte; the bodies
//! stream past unread. See "Message Flow",
//! <https://www.postgresql.org/docs/current/protocol-flow.html>.

mod copy;
mod entry;
mod ledger;
mod sending;
mod shape;
mod standing;

pub use entry::Outcome;
pub use entry::Owner;
pub use entry::Verdict;
pub use ledger::Ledger;
pub use shape::Shape;
pub use shape::ShapeReader;
