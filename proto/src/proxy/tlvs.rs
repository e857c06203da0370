//! All TLVs of one PROXY v2 header: those Tidegate reads, each with the strictest check its
//! definition allows.
//!
//! A type that identifies the client may appear once, and only one cloud may name an endpoint; a
//! header that breaks this is refused whole, because another reader of the same bytes could take
//! the other value. Unknown types, and unknown subtypes of a cloud, are skipped.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.2.1 to §2.2.8; for the
//! endpoint ids the documentation of the three clouds.

use crate::limits::PROXY_ALPN_BYTES_MAX;
use crate::limits::PROXY_AUTHORITY_BYTES_MAX;
use crate::limits::PROXY_AUTHORITY_LABEL_BYTES_MAX;
use crate::limits::PROXY_TEXT_BYTES_MAX;
use crate::limits::PROXY_UNIQUE_ID_BYTES_MAX;
use crate::proxy::Cloud;
use crate::proxy::PrivateEndpoint;
use crate::proxy::ProxyError;
use crate::proxy::Ssl;
use crate::proxy::crc32c;
use crate::proxy::tlv;
use crate::proxy::tlv::PP2_SUBTYPE_AWS_VPCE_ID;
use crate::proxy::tlv::PP2_SUBTYPE_AZURE_PRIVATEENDPOINT_LINKID;
use crate::proxy::tlv::PP2_TYPE_ALPN;
use crate::proxy::tlv::PP2_TYPE_AUTHORITY;
use crate::proxy::tlv::PP2_TYPE_AWS;
use crate::proxy::tlv::PP2_TYPE_AZURE;
use crate::proxy::tlv::PP2_TYPE_CRC32C;
use crate::proxy::tlv::PP2_TYPE_GCP;
use crate::proxy::tlv::PP2_TYPE_NETNS;
use crate::proxy::tlv::PP2_TYPE_SSL;
use crate::proxy::tlv::PP2_TYPE_UNIQUE_ID;

/// What the TLVs of a header say. Everything here was written by the sender, and some of it by the
/// client behind it: it describes the client, and must never authenticate it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tlvs {
    /// The protocol the client asked for, such as `postgresql`.
    pub alpn: Option<Box<[u8]>>,
    /// The host name the client asked for: ASCII letters in lower case, digits, `-`, `_` and `.`,
    /// without a trailing dot. The client chose it.
    pub authority: Option<Box<str>>,
    /// The sender's id of this connection: opaque bytes, to be shown in hexadecimal.
    pub unique_id: Option<Box<[u8]>>,
    /// The client's TLS session, if it ended at the sender.
    pub ssl: Option<Box<Ssl>>,
    /// The sender's network namespace: printable ASCII.
    pub netns: Option<Box<str>>,
    /// The private endpoint through which the client came.
    pub private_endpoint: Option<PrivateEndpoint>,
}

impl Tlvs {
    /// Decodes the TLVs that fill `header` from `tlv_offset` to its end, after verifying the
    /// checksum if there is one.
    ///
    /// # Errors
    /// [`ProxyError`]: the sender's fault.
    pub(super) fn decode(header: &[u8], tlv_offset: usize) -> Result<Self, ProxyError> {
        let Some(block) = header.get(tlv_offset..) else {
            return Err(ProxyError::TlvOverrun);
        };
        verify_checksum(header, block)?;
        let mut tlvs = Self::default();
        let mut cloud = None;
        tlv::for_each(block, |kind, value, _| tlvs.read(kind, value, &mut cloud))?;
        Ok(tlvs)
    }

    fn read(
        &mut self,
        kind: u8,
        value: &[u8],
        cloud: &mut Option<Cloud>,
    ) -> Result<(), ProxyError> {
        match kind {
            PP2_TYPE_ALPN => tlv::set_once(&mut self.alpn, kind, alpn(value)?),
            PP2_TYPE_AUTHORITY => tlv::set_once(&mut self.authority, kind, authority(value)?),
            PP2_TYPE_UNIQUE_ID => tlv::set_once(&mut self.unique_id, kind, unique_id(value)?),
            PP2_TYPE_SSL => tlv::set_once(&mut self.ssl, kind, Box::new(Ssl::decode(value)?)),
            PP2_TYPE_NETNS => tlv::set_once(&mut self.netns, kind, netns(value)?),
            PP2_TYPE_AWS => self.read_endpoint(Cloud::Aws, cloud, kind, aws(value)?),
            PP2_TYPE_AZURE => self.read_endpoint(Cloud::Azure, cloud, kind, azure(value)?),
            PP2_TYPE_GCP => self.read_endpoint(Cloud::Gcp, cloud, kind, Some(gcp(value)?)),
            _ => Ok(()),
        }
    }

    /// Takes note of a cloud's TLV, which may or may not name an endpoint.
    fn read_endpoint(
        &mut self,
        from: Cloud,
        cloud: &mut Option<Cloud>,
        kind: u8,
        endpoint: Option<PrivateEndpoint>,
    ) -> Result<(), ProxyError> {
        match cloud.replace(from) {
            None => {
                self.private_endpoint = endpoint;
                Ok(())
            },
            Some(earlier) if earlier == from => Err(ProxyError::TlvDuplicate(kind)),
            Some(_) => Err(ProxyError::TwoClouds),
        }
    }
}

/// Compares the checksum, if the header carries one. This comes before any value is looked at, so
/// that a corrupted header is counted as one.
fn verify_checksum(header: &[u8], block: &[u8]) -> Result<(), ProxyError> {
    let tlv_offset = header.len().saturating_sub(block.len());
    let mut claimed = None;
    tlv::for_each(block, |kind, value, value_offset| {
        if kind != PP2_TYPE_CRC32C {
            return Ok(());
        }
        let Ok(value) = <[u8; 4]>::try_from(value) else {
            return Err(ProxyError::TlvLength(kind));
        };
        let claim = (u32::from_be_bytes(value), tlv_offset + value_offset);
        tlv::set_once(&mut claimed, kind, claim)
    })?;
    match claimed {
        Some((value, offset)) if crc32c::checksum(header, offset) != Some(value) => {
            Err(ProxyError::Checksum)
        },
        _ => Ok(()),
    }
}

fn alpn(value: &[u8]) -> Result<Box<[u8]>, ProxyError> {
    if value.is_empty() || value.len() > PROXY_ALPN_BYTES_MAX {
        return Err(ProxyError::TlvLength(PP2_TYPE_ALPN));
    }
    Ok(value.into())
}

/// A host name, brought into its canonical form: lower case, no trailing dot.
fn authority(value: &[u8]) -> Result<Box<str>, ProxyError> {
    let name = value.strip_suffix(b".").unwrap_or(value);
    if name.is_empty() || name.len() > PROXY_AUTHORITY_BYTES_MAX {
        return Err(ProxyError::TlvLength(PP2_TYPE_AUTHORITY));
    }
    // SNI is ASCII (RFC 6066 §3): a name in another script travels as its A-labels.
    let are_labels = name.split(|byte| *byte == b'.').all(|label| {
        !label.is_empty()
            && label.len() <= PROXY_AUTHORITY_LABEL_BYTES_MAX
            && label
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    match std::str::from_utf8(name) {
        Ok(name) if are_labels => Ok(name.to_ascii_lowercase().into()),
        _ => Err(ProxyError::TlvText(PP2_TYPE_AUTHORITY)),
    }
}

fn unique_id(value: &[u8]) -> Result<Box<[u8]>, ProxyError> {
    if value.len() > PROXY_UNIQUE_ID_BYTES_MAX {
        return Err(ProxyError::TlvLength(PP2_TYPE_UNIQUE_ID));
    }
    Ok(value.into())
}

fn netns(value: &[u8]) -> Result<Box<str>, ProxyError> {
    if value.is_empty() || value.len() > PROXY_TEXT_BYTES_MAX {
        return Err(ProxyError::TlvLength(PP2_TYPE_NETNS));
    }
    match std::str::from_utf8(value) {
        Ok(name) if name.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(name.into()),
        _ => Err(ProxyError::TlvText(PP2_TYPE_NETNS)),
    }
}

fn aws(value: &[u8]) -> Result<Option<PrivateEndpoint>, ProxyError> {
    match value {
        [] | [PP2_SUBTYPE_AWS_VPCE_ID] => Err(ProxyError::TlvLength(PP2_TYPE_AWS)),
        [PP2_SUBTYPE_AWS_VPCE_ID, id @ ..] => std::str::from_utf8(id)
            .ok()
            .and_then(|id| PrivateEndpoint::new(Cloud::Aws, id))
            .map(Some)
            .ok_or(ProxyError::TlvText(PP2_TYPE_AWS)),
        _ => Ok(None),
    }
}

fn azure(value: &[u8]) -> Result<Option<PrivateEndpoint>, ProxyError> {
    match value {
        [PP2_SUBTYPE_AZURE_PRIVATEENDPOINT_LINKID, a, b, c, d] => {
            Ok(Some(PrivateEndpoint::azure(u32::from_le_bytes([
                *a, *b, *c, *d,
            ]))))
        },
        [] | [PP2_SUBTYPE_AZURE_PRIVATEENDPOINT_LINKID, ..] => {
            Err(ProxyError::TlvLength(PP2_TYPE_AZURE))
        },
        _ => Ok(None),
    }
}

fn gcp(value: &[u8]) -> Result<PrivateEndpoint, ProxyError> {
    match <[u8; 8]>::try_from(value) {
        Ok(id) => Ok(PrivateEndpoint::gcp(u64::from_be_bytes(id))),
        Err(_) => Err(ProxyError::TlvLength(PP2_TYPE_GCP)),
    }
}
