//! One certificate of a listener, with everything that follows from it.
//!
//! Each has a `ServerConfig` of its own, so that whoever chose it knows which one was shown.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::NoServerSessionStorage;
use rustls::sign::CertifiedKey;
use rustls::sign::SingleCertAndKey;
use tidegate_proto::scram::ChannelBindingData;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

use crate::auth;
use crate::config::CertificateFiles;
use crate::edge::tls::ALPN_POSTGRESQL;
use crate::edge::tls::TlsError;
use crate::edge::tls::front::Policy;
use crate::edge::tls::server_names::Fit;
use crate::edge::tls::server_names::ServerNames;

/// A certificate, ready for handshakes.
#[derive(Debug)]
pub(super) struct Certificate {
    names: ServerNames,
    key: Arc<CertifiedKey>,
    config: Arc<ServerConfig>,
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
        let key = Arc::new(key);
        let resolver = SingleCertAndKey::from(Arc::clone(&key));
        let mut config = policy.builder()?.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![ALPN_POSTGRESQL.to_vec()];
        config.ignore_client_order = true;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            names,
            key,
            config: Arc::new(config),
            binding,
        })
    }

    /// What rustls needs for the handshake.
    pub(super) const fn config(&self) -> &Arc<ServerConfig> {
        &self.config
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
