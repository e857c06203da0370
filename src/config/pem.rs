//! Whether a file holds what TLS will need of it, so that `tidegate check` says it and not the
//! first client.
//!
//! The contents are not kept: TLS reads the files itself.

use std::path::Path;
use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::config::bounds::Bounds;
use crate::config::reading::problem::Problem;
use crate::config::reading::value::Value;

/// A readable file with at least one certificate in PEM.
pub(in crate::config) struct CertificatePem;

impl Bounds<PathBuf> for CertificatePem {
    fn refuse(&self, path: &PathBuf, written: &Value<'_>) -> Option<Problem> {
        let contents = written.file(path)?;
        let mut certificates = 0;
        for certificate in CertificateDer::pem_slice_iter(&contents) {
            if certificate.is_err() {
                return Some(not_pem(path, "certificates"));
            }
            certificates += 1;
        }
        (certificates == 0).then(|| not_pem(path, "certificate"))
    }
}

/// A readable file with a private key in PEM.
pub(in crate::config) struct KeyPem;

impl Bounds<PathBuf> for KeyPem {
    fn refuse(&self, path: &PathBuf, written: &Value<'_>) -> Option<Problem> {
        let contents = Zeroizing::new(written.file(path)?);
        let key = PrivateKeyDer::from_pem_slice(&contents);
        key.is_err().then(|| not_pem(path, "private key"))
    }
}

fn not_pem(path: &Path, expected: &'static str) -> Problem {
    Problem::NotPem {
        path: path.display().to_string(),
        expected,
    }
}
