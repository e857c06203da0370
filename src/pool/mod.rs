//! The servers of one worker: opened as they are needed, lent to one client at a time, taken back
//! only when provably clean.
//!
//! [`Pool::checkout`] and [`release`] are the two ends of every transaction. A [`Lease`] that is
//! dropped closes its server.

mod age;
mod auth_query;
mod blame;
mod cancel;
mod check;
mod checkout;
mod clock;
mod connect;
mod credentials;
mod dial;
mod error;
mod failover;
mod functions;
mod home;
mod hook;
pub(crate) mod injected;
mod key;
mod lease;
mod lifetime;
mod login;
mod monitor;
mod notices;
mod open;
mod own_rounds;
#[expect(clippy::module_inception, reason = "the folder's one central noun")]
mod pool;
mod post;
mod prepared;
mod question;
mod queue;
mod reads;
mod release;
mod replayed;
mod reset;
mod seat;
mod server;
mod server_tls;
mod settings;
mod siblings;
mod sleep;
mod spare;
mod statement;
mod traveller;
mod welcome;

pub use self::auth_query::SecretConnection;
pub use self::cancel::send as cancel_server;
pub use self::checkout::Checkout;
pub use self::clock::Clock;
pub use self::dial::Dial;
pub use self::dial::Dialing;
pub use self::dial::Sockets;
pub use self::error::PoolError;
pub use self::error::TlsFailure;
pub use self::functions::Catalogs;
pub use self::home::Home;
pub use self::home::Randomness;
pub use self::home::Scratch;
pub use self::home::Surroundings;
pub use self::home::statement_prefix;
pub use self::key::PoolKey;
pub use self::lease::Lease;
pub use self::notices::Notices;
pub use self::own_rounds::OwnRounds;
pub use self::pool::Pool;
pub use self::pool::ServerSession;
pub use self::post::Parcel;
pub use self::post::Post;
pub use self::prepared::Known;
pub use self::prepared::Prepared;
pub use self::prepared::Unnamed;
pub use self::reads::Destination;
pub use self::reads::Reads;
pub use self::reads::Replica;
pub use self::reads::Wait;
pub use self::reads::Way;
pub use self::release::abandon;
pub use self::release::release;
pub use self::release::release_unused;
pub use self::reset::release_after_reset;
pub use self::seat::Seat;
pub use self::seat::Waiting;
pub use self::server::BackendKey;
pub use self::server::Incoming;
pub use self::server::Promised;
pub use self::server::Server;
pub use self::server::ServerCard;
pub use self::server::ServerState;
pub use self::server_tls::ServerTlsCache;
pub use self::settings::APPLICATION_NAME;
pub use self::settings::Settings;
pub use self::settings::TooManySettings;
pub(crate) use self::settings::push_literal;
pub use self::sleep::Sleepers;
pub use self::spare::SpareBuffers;
pub use self::statement::Repeats;
pub use self::statement::Shared;
pub use self::statement::Statement;
pub use self::statement::Statements;
pub use self::traveller::Traveller;
pub use self::welcome::Reported;
pub use self::welcome::Welcome;
pub use self::welcome::Welcomes;

use self::connect::Opened;

#[cfg(test)]
mod tests;
