//! The TLS of one listener: its certificates, and what it demands of clients.
//!
//! Immutable once loaded. A reload loads another and replaces this one, or keeps it.

use std::sync::Arc;

use rustls::CipherSuite;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::config::ClientCertificate;
use crate::config::Listener;
use crate::config::TlsVersion;
use crate::edge::tls::ALPN_POSTGRESQL;
use crate::edge::tls::TlsError;
use crate::edge::tls::certificate::Certificate;
use crate::edge::tls::certificate::read_certificates;
use crate::edge::tls::choice::Certificates;
use crate::edge::tls::choice::Choice;

/// The certificates of a listener, loaded.
#[derive(Debug)]
pub(in crate::edge) struct TlsFront {
    certificates: Arc<Certificates>,
    /// What all handshakes have in common.
    config: ServerConfig,
}

impl TlsFront {
    /// Reads all files of a listener. Blocks on the file system: not for a worker's loop.
    ///
    /// # Errors
    /// [`TlsError`]: the operator's fault.
    pub(in crate::edge) fn load(listener: &Listener) -> Result<Self, TlsError> {
        let policy = Policy::of(listener)?;
        let mut certificates = listener
            .tls_certificates
            .iter()
            .map(|files| Certificate::load(files, &policy));
        let default = certificates.next().ok_or(TlsError::NoCertificates)??;
        let certificates = Arc::new(Certificates {
            default,
            others: certificates.collect::<Result<_, _>>()?,
        });
        let config = policy.config(Choice::new(Arc::clone(&certificates)))?;
        Ok(Self {
            certificates,
            config,
        })
    }

    /// What one handshake needs, and what it will have chosen.
    pub(super) fn begin(&self) -> (Arc<ServerConfig>, Arc<Choice>) {
        let choice = Arc::new(Choice::new(Arc::clone(&self.certificates)));
        let mut config = self.config.clone();
        let resolver = Arc::clone(&choice);
        config.cert_resolver = resolver;
        (Arc::new(config), choice)
    }
}

static ONLY_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// What all certificates of a listener have in common.
#[derive(Debug)]
pub(super) struct Policy {
    provider: Arc<CryptoProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Policy {
    fn of(listener: &Listener) -> Result<Self, TlsError> {
        let mut provider = aws_lc_rs::default_provider();
        // Stable: the rest stays in the library's order.
        provider
            .cipher_suites
            .sort_by_key(|suite| !is_light(suite.suite()));
        let provider = Arc::new(provider);
        Ok(Self {
            verifier: verifier(listener, &provider)?,
            versions: match listener.tls_min_version {
                TlsVersion::V1_2 => rustls::ALL_VERSIONS,
                TlsVersion::V1_3 => ONLY_1_3,
            },
            provider,
        })
    }

    pub(super) const fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    fn config(&self, choice: Choice) -> Result<ServerConfig, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.versions)
            .map_err(TlsError::Versions)?
            .with_client_cert_verifier(Arc::clone(&self.verifier))
            .with_cert_resolver(Arc::new(choice));
        config.alpn_protocols = vec![ALPN_POSTGRESQL.to_vec()];
        config.ignore_client_order = true;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }
}

/// Whether processors have instructions for all of a cipher suite. They have none for SHA-384, which
/// then takes a tenth of a login.
fn is_light(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

fn verifier(
    listener: &Listener,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if listener.tls_client_certificate == ClientCertificate::Ignore {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let path = listener
        .tls_client_ca
        .as_ref()
        .ok_or(TlsError::NoAuthority)?;
    let mut roots = RootCertStore::empty();
    for authority in read_certificates(path)? {
        roots
            .add(authority)
            .map_err(|error| TlsError::Authority(path.clone(), error))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match listener.tls_client_certificate {
        ClientCertificate::Optional => builder.allow_unauthenticated(),
        ClientCertificate::Ignore | ClientCertificate::Require => builder,
    };
    builder.build().map_err(TlsError::Verifier)
}
