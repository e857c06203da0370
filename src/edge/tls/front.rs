//! The TLS of one listener: its certificates, and what it demands of clients.
//!
//! Immutable once loaded. A reload loads another and replaces this one, or keeps it.

use std::sync::Arc;

use rustls::CipherSuite;
use rustls::ConfigBuilder;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::ClientHello;
use rustls::server::WantsServerCert;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::config::ClientCertificate;
use crate::config::Listener;
use crate::config::TlsVersion;
use crate::edge::tls::TlsError;
use crate::edge::tls::certificate::Certificate;
use crate::edge::tls::certificate::read_certificates;
use crate::edge::tls::server_names::Fit;

/// The certificates of a listener, loaded.
#[derive(Debug)]
pub(in crate::edge) struct TlsFront {
    /// The one for clients without SNI, or with one that no certificate is for.
    default: Certificate,
    others: Vec<Certificate>,
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
        Ok(Self {
            default,
            others: certificates.collect::<Result<_, _>>()?,
        })
    }

    /// The certificate for a client: of those whose key it can verify, the one that fits its server
    /// name best; the first of equals.
    pub(super) fn choose(&self, hello: &ClientHello<'_>) -> &Certificate {
        let schemes = hello.signature_schemes();
        let fit = |certificate: &Certificate| {
            let fit = |name| certificate.fit(name);
            let fit = hello.server_name().map_or(Fit::None, fit);
            (certificate.can_sign(schemes), fit)
        };
        let mut best = (&self.default, fit(&self.default));
        for certificate in &self.others {
            let fit = fit(certificate);
            if fit > best.1 {
                best = (certificate, fit);
            }
        }
        best.0
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

    pub(super) fn builder(&self) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, TlsError> {
        Ok(
            ServerConfig::builder_with_provider(Arc::clone(&self.provider))
                .with_protocol_versions(self.versions)
                .map_err(TlsError::Versions)?
                .with_client_cert_verifier(Arc::clone(&self.verifier)),
        )
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
