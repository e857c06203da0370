//! The messages of a frontend: what clients send to Tidegate, and Tidegate to servers. One message
//! a file; decoders borrow from the body and never copy it.
//!
//! See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

mod bind;
mod close;
mod copy_data;
mod copy_done;
mod copy_fail;
mod describe;
mod execute;
mod flush;
mod function_call;
mod message;
mod parse;
mod password_message;
mod query;
mod sasl_initial_response;
mod sasl_response;
mod sync;
pub mod tag;
mod target;
mod terminate;

pub use bind::Arguments;
pub use bind::Bind;
pub use close::Close;
pub use copy_data::CopyData;
pub use copy_done::CopyDone;
pub use copy_fail::CopyFail;
pub use describe::Describe;
pub use execute::Execute;
pub use flush::Flush;
pub use function_call::FunctionCall;
pub use message::FrontendMessage;
pub use message::Unread;
pub use parse::Parse;
pub use password_message::PasswordMessage;
pub use query::Query;
pub use sasl_initial_response::SaslInitialResponse;
pub use sasl_response::SaslResponse;
pub use sync::Sync;
pub use target::Target;
pub use terminate::Terminate;
