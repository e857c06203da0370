//! `tls-server-end-point`: the hash of the server's certificate that both sides mix into the proof,
//! so that a proof given to an impostor is worth nothing at the real server.
//!
//! It takes the certificate's DER and the hash of its signature algorithm; it never parses a
//! certificate.
//!
//! See [RFC 5929 §4](https://www.rfc-editor.org/rfc/rfc5929#section-4).

use std::fmt;

use sha2::Digest as _;
use sha2::Sha224;
use sha2::Sha256;
use sha2::Sha384;
use sha2::Sha512;

/// The hash function in a certificate's signature algorithm.
///
/// Algorithms without one (Ed25519) have no `tls-server-end-point`, and neither has a certificate
/// signed with a hash that is not listed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureHash {
    /// MD5; the binding uses SHA-256 in its place.
    Md5,
    /// SHA-1; the binding uses SHA-256 in its place.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl SignatureHash {
    /// The hash of the signature algorithm with this object identifier, in dotted form.
    ///
    /// `None` if the algorithm has no hash of its own, or one that is not supported. For RSASSA-PSS
    /// (`1.2.840.113549.1.1.10`) the hash stands in the algorithm's parameters: pass the identifier
    /// found there.
    pub fn from_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            // md5WithRSAEncryption.
            "1.2.840.113549.1.1.4" => Self::Md5,
            // sha1WithRSAEncryption, ecdsa-with-SHA1, dsa-with-sha1, id-sha1.
            "1.2.840.113549.1.1.5"
            | "1.2.840.10045.4.1"
            | "1.2.840.10040.4.3"
            | "1.3.14.3.2.26" => Self::Sha1,
            // sha224WithRSAEncryption, ecdsa-with-SHA224, dsa-with-sha224, id-sha224.
            "1.2.840.113549.1.1.14"
            | "1.2.840.10045.4.3.1"
            | "2.16.840.1.101.3.4.3.1"
            | "2.16.840.1.101.3.4.2.4" => Self::Sha224,
            // The same four for SHA-256.
            "1.2.840.113549.1.1.11"
            | "1.2.840.10045.4.3.2"
            | "2.16.840.1.101.3.4.3.2"
            | "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            // For SHA-384.
            "1.2.840.113549.1.1.12"
            | "1.2.840.10045.4.3.3"
            | "2.16.840.1.101.3.4.3.3"
            | "2.16.840.1.101.3.4.2.2" => Self::Sha384,
            // For SHA-512.
            "1.2.840.113549.1.1.13"
            | "1.2.840.10045.4.3.4"
            | "2.16.840.1.101.3.4.3.4"
            | "2.16.840.1.101.3.4.2.3" => Self::Sha512,
            _ => return None,
        })
    }
}

/// The data of a `tls-server-end-point` channel binding. Not a secret: the certificate is public.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBindingData(Box<[u8]>);

impl ChannelBindingData {
    /// Hashes the server's certificate, given as DER, as its signature algorithm demands.
    pub fn tls_server_end_point(signature_hash: SignatureHash, certificate_der: &[u8]) -> Self {
        Self(match signature_hash {
            SignatureHash::Md5 | SignatureHash::Sha1 | SignatureHash::Sha256 => {
                Box::from(Sha256::digest(certificate_der).as_slice())
            },
            SignatureHash::Sha224 => Box::from(Sha224::digest(certificate_der).as_slice()),
            SignatureHash::Sha384 => Box::from(Sha384::digest(certificate_der).as_slice()),
            SignatureHash::Sha512 => Box::from(Sha512::digest(certificate_der).as_slice()),
        })
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ChannelBindingData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ChannelBindingData({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_length(hash: SignatureHash) -> usize {
        ChannelBindingData::tls_server_end_point(hash, b"der")
            .as_bytes()
            .len()
    }

    #[test]
    fn weak_hashes_are_replaced_by_sha_256() {
        let sha256 = ChannelBindingData::tls_server_end_point(SignatureHash::Sha256, b"der");
        for weak in [SignatureHash::Md5, SignatureHash::Sha1] {
            assert_eq!(
                ChannelBindingData::tls_server_end_point(weak, b"der"),
                sha256
            );
        }
        assert_eq!(sha256.as_bytes(), Sha256::digest(b"der").as_slice());
    }

    #[test]
    fn stronger_hashes_are_kept() {
        assert_eq!(hash_length(SignatureHash::Sha224), 28);
        assert_eq!(hash_length(SignatureHash::Sha384), 48);
        assert_eq!(hash_length(SignatureHash::Sha512), 64);
    }

    #[test]
    fn signature_algorithms_name_their_hash() {
        let ecdsa_with_sha384 = SignatureHash::from_oid("1.2.840.10045.4.3.3");
        assert_eq!(ecdsa_with_sha384, Some(SignatureHash::Sha384));
        let sha256_with_rsa = SignatureHash::from_oid("1.2.840.113549.1.1.11");
        assert_eq!(sha256_with_rsa, Some(SignatureHash::Sha256));
        let ed25519 = SignatureHash::from_oid("1.3.101.112");
        assert_eq!(ed25519, None);
    }
}
