//! TLS towards clients, on buffers that all connections of a thread share.
//!
//! A connection itself holds its keys, and only while there are any: a record whose end has not
//! come, plaintext that its reader had no room for, and records that the transport did not take.
//! Where it was read it is decrypted, and a write goes out in one piece: one system call per
//! direction, as without TLS.
//!
//! ```text
//! transport ──▶ thread's buffer ── decrypted ──▶ caller's buffer
//! caller's bytes ── encrypted ──▶ thread's buffer ──▶ transport
//! ```

mod kept;
mod reading;
mod scratch;
mod stream;
mod writing;

#[cfg(test)]
mod tests;

pub use self::stream::ClientTls;
