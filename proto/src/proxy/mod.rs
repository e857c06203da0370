//! The PROXY protocol, receiver side: who is really calling through the load balancer.
//!
//! Bytes in, facts out: [`parse`] is called with everything received so far, on each arrival, and
//! answers "need more", a [`Header`] with the number of bytes it took, or an error that is final.
//! It never guesses whether a header is there, never looks past the one header (what follows
//! belongs to the client, even if it is another header), never asks for more than
//! [`PROXY_HEADER_BYTES_MAX`](crate::limits::PROXY_HEADER_BYTES_MAX) bytes, and never yields an
//! IPv4-mapped address. Whether the sender may be believed at all, and until when it may take its
//! time, is for the caller to decide before and while it calls.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

pub mod encode;

mod crc32c;
mod error;
mod framing;
mod header;
mod private_endpoint;
mod ssl;
#[cfg(test)]
mod tests;
pub mod tlv;
mod tlvs;
mod v1;
mod v2;

pub use error::LinePart;
pub use error::ProxyError;
pub use header::Command;
pub use header::Header;
pub use header::Version;
pub use header::Versions;
pub use private_endpoint::Cloud;
pub use private_endpoint::PrivateEndpoint;
pub use ssl::Ssl;
pub use tlvs::Tlvs;

use framing::Frame;

/// How far the bytes received so far have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The header is incomplete; so far nothing is wrong with it.
    NeedMore,
    /// The header is complete.
    Header {
        /// What it says.
        header: Header,
        /// How many bytes it took from the start of the buffer. The rest is the client's.
        consumed: usize,
    },
}

/// Reads the header at the start of `buffer`, which holds everything received so far.
///
/// The answer does not depend on how the bytes were split on their way: every strict prefix of an
/// accepted header needs more, and what follows the header changes nothing. `NeedMore` is only
/// ever given to fewer than `PROXY_HEADER_BYTES_MAX` bytes, so a buffer of that size never fills
/// up without an answer.
///
/// # Errors
/// [`ProxyError`]: the sender's fault, and final. The connection must be closed without an answer.
pub fn parse(buffer: &[u8], versions: Versions) -> Result<Progress, ProxyError> {
    let (header, consumed) = match framing::frame(buffer, versions)? {
        None => return Ok(Progress::NeedMore),
        Some(Frame::V1(line)) => (v1::decode(line)?, line.len()),
        Some(Frame::V2(bytes)) => (v2::decode(bytes)?, bytes.len()),
    };
    Ok(Progress::Header { header, consumed })
}
