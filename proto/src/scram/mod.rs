//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both sides: what a client proves to Tidegate and what
//! Tidegate proves to a `PostgreSQL` server.
//!
//! The messages are states that consume one another: [`ServerFirst`] → [`ServerFinal`] →
//! [`Verdict`] towards clients, [`ClientFirst`] → [`ClientFinal`] → [`AwaitServerFinal`] towards
//! servers. Randomness is an argument, the slow derivation of keys ([`ScramKeys::derive`]) is a
//! pure function that callers run where it delays nobody. Nothing here shows a secret in `Debug`
//! or `Display`, and no comparison of secrets depends on where they differ.
//!
//! See [RFC 5802](https://www.rfc-editor.org/rfc/rfc5802),
//! [RFC 7677](https://www.rfc-editor.org/rfc/rfc7677),
//! [RFC 5929](https://www.rfc-editor.org/rfc/rfc5929) and
//! <https://www.postgresql.org/docs/current/sasl-authentication.html>.

mod attributes;
mod base64;
mod channel_binding;
mod client;
mod error;
mod iterations;
mod keys;
mod mechanism;
mod mock;
mod nonce;
mod saslprep;
mod secret;
mod server;

pub use channel_binding::ChannelBindingData;
pub use channel_binding::SignatureHash;
pub use client::AwaitServerFinal;
pub use client::ClientFinal;
pub use client::ClientFirst;
pub use error::Defect;
pub use error::ScramError;
pub use error::ScramMessage;
pub use keys::ClientKey;
pub use keys::ScramKeys;
pub use keys::ServerKey;
pub use keys::StoredKey;
pub use mechanism::ClientBinding;
pub use mechanism::Mechanism;
pub use mock::MockKey;
pub use mock::MockSecret;
pub use nonce::RawNonce;
pub use secret::ScramSecret;
pub use server::ServerFinal;
pub use server::ServerFirst;
pub use server::Verdict;
