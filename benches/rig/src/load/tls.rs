//! TLS as a client of the load speaks it. Nothing is resumed, as libpq does not.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;

use crate::error::RigError;

/// A connector that trusts the authority in a file.
///
/// # Errors
/// If the file has no certificate.
pub(super) fn connector(authority: &Path) -> Result<TlsConnector, RigError> {
    let bad = |error: &dyn std::fmt::Display| RigError::Tls(error.to_string());
    let certificate = CertificateDer::from_pem_file(authority).map_err(|error| bad(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|error| bad(&error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| bad(&error))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}
