//! What one worker's part of a pool says to another's: that it needs a server, and here it is.
//!
//! Nothing in a transaction is said this way, except by a client that has waited for
//! `SIBLING_ASK_INTERVAL` already.

use std::fmt;

use crate::pool::PoolKey;
use crate::pool::Traveller;

/// Something for one worker's part of a pool.
#[derive(Debug)]
pub enum Parcel {
    /// Another part has clients that wait and may not open more servers.
    Ask {
        /// The pool.
        key: PoolKey,
        /// The worker that asks.
        from: usize,
        /// How many servers it has there.
        held: u32,
    },
    /// A server.
    Server(Box<Traveller>),
}

/// The way from one worker to another.
pub trait Post: fmt::Debug {
    /// Sends a parcel without waiting.
    ///
    /// # Errors
    ///
    /// The parcel itself, if that worker is gone or has too much to read.
    fn send(&self, worker: usize, parcel: Parcel) -> Result<(), Parcel>;
}
