//! What can be wrong with TLS: with the operator's files, and with a client's handshake.

use std::io;
use std::path::PathBuf;

/// Why the files of a listener cannot be used: the operator's fault. A reload keeps what it had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// TLS is on, and no certificate is configured.
    #[error("no certificate is configured")]
    NoCertificates,
    /// A file cannot be read, or is not PEM.
    #[error("{} cannot be read", .0.display())]
    File(PathBuf, #[source] rustls::pki_types::pem::Error),
    /// A file holds no certificate.
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    /// The certificate is no X.509 certificate.
    #[error("the certificate in {} cannot be read", .0.display())]
    Certificate(PathBuf, #[source] x509_parser::error::X509Error),
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the certificate in {} cannot be used with its key", .0.display())]
    Key(PathBuf, #[source] rustls::Error),
    /// An authority's certificate cannot be used.
    #[error("an authority in {} cannot be used", .0.display())]
    Authority(PathBuf, #[source] rustls::Error),
    /// Client certificates cannot be verified with these authorities.
    #[error("client certificates cannot be verified")]
    Verifier(#[source] rustls::client::VerifierBuilderError),
    /// Client certificates are to be verified, and no authority is configured.
    #[error("client certificates are asked for, and no authority is configured")]
    NoAuthority,
    /// No cipher suite fits the versions of TLS.
    #[error("the versions of TLS cannot be used")]
    Versions(#[source] rustls::Error),
}

/// Why a client's handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The client broke TLS, or nothing fits both sides; it was sent an alert.
    #[error("the TLS handshake failed")]
    Tls(#[source] rustls::Error),
    /// The connection broke.
    #[error("the connection broke during the TLS handshake")]
    Io(#[source] io::Error),
    /// Direct TLS without ALPN.
    #[error("direct TLS without the application protocol \"postgresql\"")]
    NoAlpn,
}

impl HandshakeError {
    /// The errors of TLS come wrapped in those of the connection.
    pub(super) fn from_io(error: io::Error) -> Self {
        match error.downcast::<rustls::Error>() {
            Ok(error) => Self::Tls(error),
            Err(error) => Self::Io(error),
        }
    }
}
