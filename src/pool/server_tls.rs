//! TLS towards servers: one rustls configuration per set of configured files, made at its first use.
//!
//! `require` encrypts and trusts whoever answers; `verify-ca` demands a certificate of a known
//! authority; `verify-full`, the default, also that it names the host.
//!
//! See <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::crypto::verify_tls12_signature;
use rustls::crypto::verify_tls13_signature;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject;

use crate::config::ServerTls;
use crate::config::ServerTlsMode;
use crate::pool::TlsFailure;

/// The configurations that were made so far.
#[derive(Debug, Default)]
pub struct ServerTlsCache {
    known: RefCell<Vec<(ServerTls, Arc<ClientConfig>)>>,
    /// How often all was forgotten.
    epoch: Cell<u64>,
}

impl ServerTlsCache {
    /// The configuration for these settings.
    ///
    /// # Errors
    ///
    /// [`TlsFailure::Files`]: a file cannot be read or used. The operator's fault.
    pub fn config(&self, settings: &ServerTls) -> Result<Arc<ClientConfig>, TlsFailure> {
        if let Some(config) = self.known(settings) {
            return Ok(config);
        }
        self.keep(settings, load(settings))
    }

    /// [`Self::config`] for whoever can wait: the files are read on a thread that may take its time.
    ///
    /// # Errors
    ///
    /// As [`Self::config`].
    pub(super) async fn config_in_time(
        &self,
        settings: &ServerTls,
    ) -> Result<Arc<ClientConfig>, TlsFailure> {
        if let Some(config) = self.known(settings) {
            return Ok(config);
        }
        let (epoch, theirs) = (self.epoch.get(), settings.clone());
        let loaded = tokio::task::spawn_blocking(move || load(&theirs)).await;
        // The runtime refuses blocking work only while it is going down.
        let loaded = loaded.unwrap_or_else(|_| load(settings));
        if self.epoch.get() != epoch || self.known(settings).is_some() {
            // The next one reads what is there now, or somebody was faster.
            return loaded.map(Arc::new).map_err(TlsFailure::Files);
        }
        self.keep(settings, loaded)
    }

    fn known(&self, settings: &ServerTls) -> Option<Arc<ClientConfig>> {
        let known = self.known.borrow();
        let mut known = known.iter();
        known.find_map(|(known, config)| (known == settings).then(|| Arc::clone(config)))
    }

    fn keep(
        &self,
        settings: &ServerTls,
        loaded: io::Result<ClientConfig>,
    ) -> Result<Arc<ClientConfig>, TlsFailure> {
        let config = Arc::new(loaded.map_err(TlsFailure::Files)?);
        let mut known = self.known.borrow_mut();
        known.push((settings.clone(), Arc::clone(&config)));
        Ok(config)
    }

    /// Forgets them all: their files are read again at the next use.
    pub fn forget(&self) {
        self.known.borrow_mut().clear();
        self.epoch.set(self.epoch.get() + 1);
    }
}

fn load(settings: &ServerTls) -> io::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let verifier = Verifier {
        chain: match settings.mode {
            ServerTlsMode::VerifyCa | ServerTlsMode::VerifyFull => {
                let roots = Arc::new(roots(settings.ca.as_deref())?);
                let built =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
                Some(built.build().map_err(io::Error::other)?)
            },
            ServerTlsMode::Disable | ServerTlsMode::Require => None,
        },
        is_name_checked: settings.mode == ServerTlsMode::VerifyFull,
        provider,
    };
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &settings.certificate {
        Some(files) => {
            let chain = certificates(&files.certificate)?;
            let key = PrivateKeyDer::from_pem_file(&files.key)
                .map_err(|error| unusable(&files.key, error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(io::Error::other)?
        },
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

fn roots(ca: Option<&Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        for certificate in certificates(path)? {
            roots
                .add(certificate)
                .map_err(|error| unusable(path, error))?;
        }
    } else {
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
    }
    Ok(roots)
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, error: impl std::error::Error) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{}: {error}", path.display()),
    )
}

/// Checks as much of a server's certificate as the mode demands; always that the server has its key.
#[derive(Debug)]
struct Verifier {
    /// `None`: any certificate will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
    is_name_checked: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is checked last: everything else was in order.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.is_name_checked => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn what_was_read_in_time_is_kept_but_not_beyond_a_reload() {
        let (cache, settings) = (ServerTlsCache::default(), ServerTls::default());
        let mut reading = pin!(cache.config_in_time(&settings));
        // It has begun.
        let first = std::future::poll_fn(|context| Poll::Ready(reading.as_mut().poll(context)));
        assert!(first.await.is_pending());
        cache.forget();
        reading.await.unwrap();
        assert!(cache.known(&settings).is_none(), "it may be the old one");
        let kept = cache.config_in_time(&settings).await.unwrap();
        let again = cache.config(&settings).unwrap();
        assert!(Arc::ptr_eq(&kept, &again));
    }
}
