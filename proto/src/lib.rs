//! The `PostgreSQL` wire protocol, the PROXY protocol and SCRAM, without I/O: bytes in, facts out.
//!
//! Nothing here reads a clock, draws a random number or touches a socket; nothing here may panic
//! or allocate past a named limit, whatever the bytes say. Everything a fuzzer should eat is here.
//!
//! # Layout
//!
//! - [`frame`]: where a message begins and ends; [`limits`]: how large anything may be.
//! - [`cursor`] reads fields, [`writer`] writes them; [`error`] says what was wrong, [`fault`] whose
//!   fault it was, [`sqlstate`] what the client is told.
//! - [`startup`]: the messages that open a connection.
//! - [`frontend`] and [`backend`]: one message a file, by who sends it; [`fields`]: the lists they
//!   share.
//! - [`trace`]: a conversation as text.
//! - [`exchange`]: the conversation of a client and a server, as a relay must know it.
//! - [`proxy`]: the PROXY protocol header. [`scram`]: SCRAM-SHA-256. [`md5`]: what came before it.

pub mod backend;
pub mod cursor;
pub mod error;
pub mod exchange;
pub mod fault;
pub mod fields;
pub mod frame;
pub mod frontend;
pub mod limits;
pub mod md5;
pub mod proxy;
#[cfg(test)]
mod round_trip;
pub mod scram;
pub mod sqlstate;
pub mod startup;
pub mod trace;
pub mod writer;
