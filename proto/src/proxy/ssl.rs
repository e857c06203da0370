//! `PP2_TYPE_SSL`: what the sender knows of the TLS session that ended at it.
//!
//! ```text
//! ff             flags: 01 TLS was used, 02 certificate in this connection, 04 in this session
//! vv vv vv vv    0 if the client's certificate was verified
//! ..             TLVs of their own numbering
//! ```
//!
//! These facts describe the client; they must never stand in for an authentication of ours.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.2.6.

use crate::proxy::ProxyError;
use crate::proxy::tlv;
use crate::proxy::tlv::PP2_SUBTYPE_SSL_CIPHER;
use crate::proxy::tlv::PP2_SUBTYPE_SSL_CN;
use crate::proxy::tlv::PP2_SUBTYPE_SSL_GROUP;
use crate::proxy::tlv::PP2_SUBTYPE_SSL_KEY_ALG;
use crate::proxy::tlv::PP2_SUBTYPE_SSL_SIG_ALG;
use crate::proxy::tlv::PP2_SUBTYPE_SSL_SIG_SCHEME;
use crate::proxy::tlv::PP2_SUBTYPE_SSL_VERSION;
use crate::proxy::tlv::PP2_TYPE_SSL;

/// `PP2_CLIENT_SSL`: the client spoke TLS to the sender.
pub(super) const PP2_CLIENT_SSL: u8 = 0x01;
/// `PP2_CLIENT_CERT_CONN`: it showed a certificate over this connection.
pub(super) const PP2_CLIENT_CERT_CONN: u8 = 0x02;
/// `PP2_CLIENT_CERT_SESS`: it showed one at least once in this TLS session.
pub(super) const PP2_CLIENT_CERT_SESS: u8 = 0x04;

/// The client's TLS, as the sender tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ssl {
    /// The flags `PP2_CLIENT_SSL` and so on, as sent.
    pub client: u8,
    /// The verify word, as sent. A sender that saw no certificate writes 0 as well, so it means
    /// nothing without the flags: ask [`has_verified_certificate`](Self::has_verified_certificate).
    pub verify: u32,
    /// The version, such as `TLSv1.3`.
    pub version: Option<Box<str>>,
    /// The common name of the client's certificate: text that a certificate authority signed,
    /// without control characters.
    pub common_name: Option<Box<str>>,
    /// The cipher, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: Option<Box<str>>,
    /// The algorithm that signed the sender's certificate.
    pub signature_algorithm: Option<Box<str>>,
    /// The algorithm of the key of the sender's certificate.
    pub key_algorithm: Option<Box<str>>,
    /// The key-exchange group.
    pub group: Option<Box<str>>,
    /// The signature scheme.
    pub signature_scheme: Option<Box<str>>,
}

impl Ssl {
    /// Whether the client spoke TLS to the sender.
    pub fn is_tls(&self) -> bool {
        self.client & PP2_CLIENT_SSL != 0
    }

    /// Whether the client showed a certificate, and the sender found it good.
    pub fn has_verified_certificate(&self) -> bool {
        self.client & (PP2_CLIENT_CERT_CONN | PP2_CLIENT_CERT_SESS) != 0 && self.verify == 0
    }

    /// Decodes the value of a `PP2_TYPE_SSL`.
    ///
    /// # Errors
    /// [`ProxyError`] if it is shorter than flags and verify, or a TLV inside is wrong or appears
    /// twice: the sender's fault.
    pub(super) fn decode(value: &[u8]) -> Result<Self, ProxyError> {
        let Some(([client, verify @ ..], block)) = value.split_first_chunk::<5>() else {
            return Err(ProxyError::TlvLength(PP2_TYPE_SSL));
        };
        let mut ssl = Self {
            client: *client,
            verify: u32::from_be_bytes(*verify),
            ..Self::default()
        };
        tlv::for_each(block, |kind, value, _| match ssl.slot(kind) {
            Some(slot) => tlv::set_once(slot, kind, tlv::text(kind, value)?),
            // Subtypes of no use here, the client's certificate in DER among them, are skipped.
            None => Ok(()),
        })?;
        Ok(ssl)
    }

    fn slot(&mut self, kind: u8) -> Option<&mut Option<Box<str>>> {
        match kind {
            PP2_SUBTYPE_SSL_VERSION => Some(&mut self.version),
            PP2_SUBTYPE_SSL_CN => Some(&mut self.common_name),
            PP2_SUBTYPE_SSL_CIPHER => Some(&mut self.cipher),
            PP2_SUBTYPE_SSL_SIG_ALG => Some(&mut self.signature_algorithm),
            PP2_SUBTYPE_SSL_KEY_ALG => Some(&mut self.key_algorithm),
            PP2_SUBTYPE_SSL_GROUP => Some(&mut self.group),
            PP2_SUBTYPE_SSL_SIG_SCHEME => Some(&mut self.signature_scheme),
            _ => None,
        }
    }
}
