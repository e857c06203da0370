//! Sockets as the rest of Tidegate sees them: one type for every kind of transport, with or
//! without TLS, that can move from one worker's runtime to another's.
//!
//! Knows nothing of `PostgreSQL`; never waits, only polls.

mod agreed_tls;
mod client_tls;
mod outgoing;
mod pipes;
mod socket;
mod socket_options;
mod transport;

pub use agreed_tls::AgreedTls;
pub use client_tls::ClientTls;
pub use outgoing::Outgoing;
pub use pipes::LentPipe;
pub use pipes::Pipes;
pub use socket::Socket;
pub use socket_options::Keepalive;
pub use socket_options::SocketOptions;
pub use transport::ByteStream;
pub use transport::Parked;
pub use transport::Replay;
pub use transport::Transport;
