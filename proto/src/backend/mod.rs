//! The messages of a backend: what servers send to Tidegate, and Tidegate to clients. One message
//! a file; decoders borrow from the body and never copy it.
//!
//! See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

mod command_complete;
pub mod tag;
mod transaction_status;

pub use command_complete::CommandComplete;
pub use transaction_status::TransactionStatus;
