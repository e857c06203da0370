//! One TLV: the registry of types, how TLVs follow one another, and the checks their values share.
//!
//! ```text
//! tt        type
//! nn nn     length of the value, big-endian
//! ..        value
//! ```
//!
//! Nothing here may accept TLVs that do not fill their space exactly: two readers that disagree
//! about where a value ends can be made to see two different clients.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.2.1 to §2.2.8.

use ppp::v2::TypeLengthValues;

use crate::limits::PROXY_TEXT_BYTES_MAX;
use crate::proxy::ProxyError;

/// The name of the protocol inside, as in TLS ALPN.
pub const PP2_TYPE_ALPN: u8 = 0x01;
/// The host name the client asked for, as in TLS SNI.
pub const PP2_TYPE_AUTHORITY: u8 = 0x02;
/// The checksum of the header, a big-endian `u32`.
pub const PP2_TYPE_CRC32C: u8 = 0x03;
/// Padding.
pub const PP2_TYPE_NOOP: u8 = 0x04;
/// An opaque id of the connection, of at most 128 bytes.
pub const PP2_TYPE_UNIQUE_ID: u8 = 0x05;
/// What the sender knows of the client's TLS: a byte of flags, a `u32`, and TLVs of its own.
pub const PP2_TYPE_SSL: u8 = 0x20;
/// Inside [`PP2_TYPE_SSL`]: the TLS version, as text.
pub const PP2_SUBTYPE_SSL_VERSION: u8 = 0x21;
/// Inside [`PP2_TYPE_SSL`]: the common name of the client's certificate.
pub const PP2_SUBTYPE_SSL_CN: u8 = 0x22;
/// Inside [`PP2_TYPE_SSL`]: the cipher, as text.
pub const PP2_SUBTYPE_SSL_CIPHER: u8 = 0x23;
/// Inside [`PP2_TYPE_SSL`]: the algorithm that signed the sender's certificate.
pub const PP2_SUBTYPE_SSL_SIG_ALG: u8 = 0x24;
/// Inside [`PP2_TYPE_SSL`]: the algorithm of the key of the sender's certificate.
pub const PP2_SUBTYPE_SSL_KEY_ALG: u8 = 0x25;
/// Inside [`PP2_TYPE_SSL`]: the key-exchange group.
pub const PP2_SUBTYPE_SSL_GROUP: u8 = 0x26;
/// Inside [`PP2_TYPE_SSL`]: the signature scheme.
pub const PP2_SUBTYPE_SSL_SIG_SCHEME: u8 = 0x27;
/// Inside [`PP2_TYPE_SSL`]: the client's certificate in DER.
pub const PP2_SUBTYPE_SSL_CLIENT_CERT: u8 = 0x28;
/// The network namespace of the sender, in ASCII.
pub const PP2_TYPE_NETNS: u8 = 0x30;
/// Google Cloud: the `pscConnectionId`, a big-endian `u64`.
pub const PP2_TYPE_GCP: u8 = 0xE0;
/// Amazon: a subtype byte and its value.
pub const PP2_TYPE_AWS: u8 = 0xEA;
/// Inside [`PP2_TYPE_AWS`]: the id of the VPC endpoint, in ASCII.
pub const PP2_SUBTYPE_AWS_VPCE_ID: u8 = 0x01;
/// Microsoft: a subtype byte and its value.
pub const PP2_TYPE_AZURE: u8 = 0xEE;
/// Inside [`PP2_TYPE_AZURE`]: the `LinkID` of the Private Endpoint, a little-endian `u32`.
pub const PP2_SUBTYPE_AZURE_PRIVATEENDPOINT_LINKID: u8 = 0x01;

/// Type and length.
pub(super) const TLV_FIXED_BYTES: usize = 3;

/// Calls `visit` with the type, the value and the offset of the value within `block`, for each TLV
/// in order.
///
/// # Errors
/// [`ProxyError::TlvOverrun`] if the TLVs do not fill `block` exactly; else the first error of
/// `visit`.
pub(super) fn for_each(
    block: &[u8],
    mut visit: impl FnMut(u8, &[u8], usize) -> Result<(), ProxyError>,
) -> Result<(), ProxyError> {
    let mut value_offset = 0;
    for tlv in TypeLengthValues::from(block) {
        let Ok(tlv) = tlv else {
            return Err(ProxyError::TlvOverrun);
        };
        value_offset += TLV_FIXED_BYTES;
        visit(tlv.kind, &tlv.value, value_offset)?;
        value_offset += tlv.value.len();
    }
    Ok(())
}

/// Stores the value of a type that may appear once.
///
/// # Errors
/// [`ProxyError::TlvDuplicate`] if it did already.
pub(super) fn set_once<T>(slot: &mut Option<T>, kind: u8, value: T) -> Result<(), ProxyError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ProxyError::TlvDuplicate(kind)),
    }
}

/// A value that is text for people: UTF-8 without control characters.
///
/// # Errors
/// [`ProxyError::TlvLength`] unless it has 1 to [`PROXY_TEXT_BYTES_MAX`] bytes,
/// [`ProxyError::TlvText`] if it is anything else.
pub(super) fn text(kind: u8, value: &[u8]) -> Result<Box<str>, ProxyError> {
    if value.is_empty() || value.len() > PROXY_TEXT_BYTES_MAX {
        return Err(ProxyError::TlvLength(kind));
    }
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains(char::is_control) => Ok(text.into()),
        _ => Err(ProxyError::TlvText(kind)),
    }
}
