//! What a relay must know of a conversation: whose each reply is, and when a server is clean.
//!
//! Nothing here looks at more than a tag and, for `ReadyForQuery`, one status byte; the bodies
//! stream past unread. See "Message Flow",
//! <https://www.postgresql.org/docs/current/protocol-flow.html>.

mod ledger;

pub use ledger::Ledger;
pub use ledger::Owner;
pub use ledger::Verdict;
