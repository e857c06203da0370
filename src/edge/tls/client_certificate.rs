//! Whose certificate a client showed: its common name, which `auth_type = "cert"` compares with the
//! user.
//!
//! The certificate was verified before by rustls; this only reads the name.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

/// The common name in the subject of a verified client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::edge) struct CommonName(Option<Box<str>>);

impl CommonName {
    /// Reads it. A certificate without one, or with several, names nobody: two readers could take
    /// different ones.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return Self(None);
        };
        let mut names = certificate.subject().iter_common_name();
        let name = match (names.next(), names.next()) {
            (Some(name), None) => name.as_str().ok(),
            (_, _) => None,
        };
        // A zero byte once made one name look like another (CVE-2009-4034).
        Self(name.filter(|name| !name.contains('\0')).map(Box::from))
    }

    /// The name; `None` if the certificate names nobody.
    pub(in crate::edge) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}
