//! Proofs of identity: how a client proves to Tidegate who it is, and Tidegate to a server.
//!
//! Everything here is without I/O: [`ClientAuthentication`] and [`ServerAuthentication`] take bodies
//! of messages and give messages to send; whoever drives them owns the socket, the deadline and the
//! random numbers. What is slow, the derivation of SCRAM keys, is handed out as a [`Derivation`] and
//! never run on the way. A user that does not exist cannot be told from a wrong password, and no
//! secret shows in an error, a log or `Debug`.

mod bounded_map;
mod certificate;
mod client_policy;
mod credentials;
mod derivation;
mod derived_keys;
mod error;
mod exchange;
mod password_check;
mod sasl;
mod secret;
mod secret_cache;
mod secret_lookup;
mod server_login;

#[cfg(test)]
mod tests;

pub use certificate::channel_binding;
pub use certificate::common_name;
pub use client_policy::ClientPolicy;
pub use credentials::ClientKeys;
pub use credentials::Credentials;
pub use credentials::Identity;
pub use credentials::Protection;
pub use derivation::Derivation;
pub use derived_keys::DerivedKeys;
pub use error::AuthError;
pub use exchange::AwaitingKeys;
pub use exchange::ClientAuthentication;
pub use exchange::ClientStep;
pub use exchange::Randomness;
pub use secret::Password;
pub use secret::Secret;
pub use secret::SecretError;
pub use secret::SecretKind;
pub use secret_cache::SecretCache;
pub use secret_lookup::LookedUp;
pub use secret_lookup::SecretLookup;
pub use server_login::AwaitingServerKeys;
pub use server_login::ServerAuthentication;
pub use server_login::ServerPolicy;
pub use server_login::ServerSecret;
pub use server_login::ServerStep;
