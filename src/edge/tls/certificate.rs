//! One certificate of a listener, with everything that follows from it.

use std::path::Path;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;
use tidegate_proto::scram::ChannelBindingData;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

use crate::auth;
use crate::config::CertificateFiles;
use crate::edge::tls::TlsError;
use crate::edge::tls::front::Policy;
use crate::edge::tls::server_names::Fit;
use crate::edge::tls::server_names::ServerNames;

/// A certificate, ready for handshakes.
#[derive(Debug)]
pub(super) struct Certificate {
    names: ServerNames,
    key: Arc<CertifiedKey>,
    binding: Option<ChannelBindingData>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]: the operator's fault.
    pub(super) fn load(files: &CertificateFiles, policy: &Policy) -> Result<Self, TlsError> {
        let chain = read_certificates(&files.certificate)?;
        let own = chain
            .first()
            .ok_or_else(|| TlsError::Empty(files.certificate.clone()))?;
        let (_, parsed) = X509Certificate::from_der(own)
            .map_err(|error| TlsError::Certificate(files.certificate.clone(), error.into()))?;
        let (names, binding) = (ServerNames::of(&parsed), auth::channel_binding(own));
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| TlsError::File(files.key.clone(), error))?;
        let key = CertifiedKey::from_der(chain, key, policy.provider())
            .map_err(|error| TlsError::Key(files.certificate.clone(), error))?;
        Ok(Self {
            names,
            key: Arc::new(key),
            binding,
        })
    }

    /// What rustls needs of it.
    pub(super) const fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// `tls-server-end-point`; `None` if the certificate's signature names no hash.
    pub(super) const fn binding(&self) -> Option<&ChannelBindingData> {
        self.binding.as_ref()
    }

    /// How well it fits a server name.
    pub(super) fn fit(&self, server_name: &str) -> Fit {
        self.names.fit(server_name)
    }

    /// Whether its key can sign in a way that the client understands.
    pub(super) fn can_sign(&self, schemes: &[SignatureScheme]) -> bool {
        self.key.key.choose_scheme(schemes).is_some()
    }
}

/// The certificates of a PEM file, in order.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |error| TlsError::File(path.to_owned(), error);
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(TlsError::Empty(path.to_owned()));
    }
    Ok(certificates)
}
