//! The checksum of a PROXY v2 header, `PP2_TYPE_CRC32C`.
//!
//! It covers the whole header, fixed part included, with the four bytes of its own value taken as
//! zero. A receiver that knows the type must drop the connection if the value is wrong.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.2.3; RFC 4960 appendix B.

/// The checksum of `header`, whose checksum value lies at `value_offset`; `None` if it does not
/// lie within the header.
pub(super) fn checksum(header: &[u8], value_offset: usize) -> Option<u32> {
    let (before, rest) = header.split_at_checked(value_offset)?;
    let (_, after) = rest.split_first_chunk::<4>()?;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    Some(crc32c::crc32c_append(checksum, after))
}
