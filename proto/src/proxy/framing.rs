//! Finds the end of a PROXY header in bytes that arrive piece by piece.
//!
//! It decides which version the bytes are, whether the listener accepts it, and which slice is
//! the whole header; it must never look at addresses, nor wait for bytes beyond a named limit.
//! The decoders only ever see one complete header.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.1, §2.2 and §4.

use crate::limits::PROXY_HEADER_BYTES_MAX;
use crate::limits::PROXY_V1_BYTES_MAX;
use crate::limits::PROXY_V2_FIXED_BYTES;
use crate::proxy::ProxyError;
use crate::proxy::Version;
use crate::proxy::Versions;

/// How a v1 line begins, up to and including the first space.
pub(super) const V1_PREFIX: &[u8; 6] = b"PROXY ";
/// The 12 bytes a v2 header begins with.
pub(super) const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// One complete header, nothing before it and nothing after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A v1 line, CRLF included.
    V1(&'a [u8]),
    /// A v2 header: the fixed 16 bytes and as many as they announce.
    V2(&'a [u8]),
}

/// The header at the start of `buffer`, or `None` while it is incomplete.
///
/// # Errors
/// [`ProxyError`] as soon as no further byte can make these bytes an acceptable header.
pub(super) fn frame(buffer: &[u8], versions: Versions) -> Result<Option<Frame<'_>>, ProxyError> {
    match version_of(buffer)? {
        None => Ok(None),
        Some(version) if !versions.accept(version) => Err(ProxyError::VersionNotAccepted(version)),
        Some(Version::V1) => Ok(v1_line(buffer)?.map(Frame::V1)),
        Some(Version::V2) => Ok(v2_header(buffer)?.map(Frame::V2)),
    }
}

/// The version whose complete prefix the buffer starts with; `None` if it may still become one.
fn version_of(buffer: &[u8]) -> Result<Option<Version>, ProxyError> {
    if buffer.starts_with(V1_PREFIX) {
        Ok(Some(Version::V1))
    } else if buffer.starts_with(V2_SIGNATURE) {
        Ok(Some(Version::V2))
    } else if V1_PREFIX.starts_with(buffer) || V2_SIGNATURE.starts_with(buffer) {
        Ok(None)
    } else {
        Err(ProxyError::NotProxy)
    }
}

/// The line up to and including the first CRLF, of printable ASCII only.
fn v1_line(buffer: &[u8]) -> Result<Option<&[u8]>, ProxyError> {
    let window = buffer.get(..PROXY_V1_BYTES_MAX).unwrap_or(buffer);
    let Some(text_bytes) = window.iter().position(|byte| !matches!(byte, 0x20..=0x7E)) else {
        return need_more_of_line(window);
    };
    // A lone CR or a lone LF is refused at once: a reader that takes either for the end of the
    // line would disagree with us about where the client's bytes begin.
    match window.get(text_bytes..) {
        Some([b'\r', b'\n', ..]) => Ok(window.get(..text_bytes + 2)),
        Some([b'\r']) => need_more_of_line(window),
        _ => Err(ProxyError::LineByte),
    }
}

fn need_more_of_line(window: &[u8]) -> Result<Option<&[u8]>, ProxyError> {
    if window.len() < PROXY_V1_BYTES_MAX {
        Ok(None)
    } else {
        Err(ProxyError::LineTooLong)
    }
}

/// The fixed part and the block whose length it announces.
fn v2_header(buffer: &[u8]) -> Result<Option<&[u8]>, ProxyError> {
    let Some([.., version_and_command, _, length_high, length_low]) =
        buffer.first_chunk::<PROXY_V2_FIXED_BYTES>()
    else {
        return Ok(None);
    };
    // The length means something only in the version we know.
    let version = version_and_command >> 4;
    if version != 2 {
        return Err(ProxyError::UnknownVersion(version));
    }
    let block_bytes = u16::from_be_bytes([*length_high, *length_low]);
    let bytes = PROXY_V2_FIXED_BYTES + usize::from(block_bytes);
    if bytes > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyError::HeaderTooLong { bytes });
    }
    Ok(buffer.get(..bytes))
}
