//! What authentication reads in a certificate: the common name of a client's, and the hash that
//! binds a SCRAM proof to a server's.
//!
//! It never verifies one. The name means something only after TLS has verified the chain.

use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::SignatureHash;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// The common name of a certificate given as DER.
///
/// `None` if there is none, or more than one, or one that is not text: which of several is meant is
/// not to be guessed, and a zero byte once made other readers stop early.
pub fn common_name(certificate_der: &[u8]) -> Option<Box<str>> {
    let (_, certificate) = X509Certificate::from_der(certificate_der).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let (name, None) = (names.next()?, names.next()) else {
        return None;
    };
    let name = name.as_str().ok()?;
    (!name.is_empty() && !name.contains('\0')).then(|| Box::from(name))
}

/// The `tls-server-end-point` data of a certificate given as DER.
///
/// `None` if its signature algorithm has no hash of its own (Ed25519) or an unknown one: then
/// SCRAM-SHA-256-PLUS can neither be offered nor taken.
pub fn channel_binding(certificate_der: &[u8]) -> Option<ChannelBindingData> {
    let (_, certificate) = X509Certificate::from_der(certificate_der).ok()?;
    let algorithm = &certificate.signature_algorithm;
    let hash = match SignatureAlgorithm::try_from(algorithm) {
        Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) => {
            SignatureHash::from_oid(&parameters.hash_algorithm_oid().to_id_string())
        },
        _ => SignatureHash::from_oid(&algorithm.algorithm.to_id_string()),
    }?;
    Some(ChannelBindingData::tls_server_end_point(
        hash,
        certificate_der,
    ))
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;
    use rcgen::DistinguishedName;
    use rcgen::DnType;
    use rcgen::KeyPair;
    use rcgen::SignatureAlgorithm;
    use sha2::Digest as _;

    use super::*;

    fn certificate(names: &[&str], algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = DistinguishedName::new();
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, "Acme");
        for name in names {
            parameters
                .distinguished_name
                .push(DnType::CommonName, *name);
        }
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_is_read() {
        let der = certificate(&["alice.acme"], &rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(common_name(&der).as_deref(), Some("alice.acme"));
    }

    #[test]
    fn a_certificate_without_a_usable_name_names_nobody() {
        for name in [&[][..], &[""], &["alice\0.acme"]] {
            let der = certificate(name, &rcgen::PKCS_ECDSA_P256_SHA256);
            assert_eq!(common_name(&der), None, "{name:?}");
        }
        assert_eq!(common_name(b""), None);
        assert_eq!(common_name(b"no certificate"), None);
    }

    #[test]
    fn the_binding_is_the_hash_that_the_signature_uses() {
        let der = certificate(&["a"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let binding = channel_binding(&der).unwrap();
        assert_eq!(binding.as_bytes(), sha2::Sha256::digest(&der).as_slice());
        let der = certificate(&["a"], &rcgen::PKCS_ECDSA_P384_SHA384);
        let binding = channel_binding(&der).unwrap();
        assert_eq!(binding.as_bytes(), sha2::Sha384::digest(&der).as_slice());
    }

    #[test]
    fn a_signature_without_a_hash_allows_no_binding() {
        let der = certificate(&["a"], &rcgen::PKCS_ED25519);
        assert!(channel_binding(&der).is_none());
        assert!(channel_binding(b"no certificate").is_none());
    }
}
