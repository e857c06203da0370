//! A little `PostgreSQL` without I/O: one session that reads messages and answers them as
//! `tcop/postgres.c` and `commands/copyfromparse.c` do, in a language of a dozen statements.
//!
//! For tests only: it never reads a clock, and knows of every reply which message caused it.
//! [`Exchange`] holds a ledger against it. What chance there is in the tests comes from [`Random`].

mod backend;
mod exchange;
mod program;
mod random;
mod reply;
mod settings;
mod token;

pub use backend::Backend;
pub use backend::Copying;
pub use exchange::Exchange;
pub use exchange::Op;

pub use program::Holding;
pub use program::Statement;
pub use program::parse;
pub use random::Random;
pub use reply::Reply;
pub use settings::Settings;
