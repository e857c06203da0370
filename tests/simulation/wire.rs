//! A server's end of a connection: plain, or under TLS where the world's servers want that.
//!
//! What TLS draws at random is no part of a seed, but nothing of it changes a length: the key of the
//! certificate is of a kind whose signatures are all equally long. So a seed still replays.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::LazyLock;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tidegate_proto::startup::Request;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio_rustls::TlsAcceptor;

use crate::nature::Nature;

/// Bytes in both directions.
pub(crate) trait Bytes: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Bytes for T {}

/// A server's end of a connection.
pub(crate) type Wire = Pin<Box<dyn Bytes>>;

/// The connection, under TLS if that is wanted, and its first message behind that.
pub(crate) async fn open(nature: &Nature, mut plain: DuplexStream) -> Option<(Wire, Vec<u8>)> {
    if !nature.weather.has_server_tls {
        let opening = opening(&mut plain).await?;
        return Some((Box::pin(plain), opening));
    }
    let request = opening(&mut plain).await?;
    let classified = Request::classify(&request);
    if !matches!(classified, Ok(Some(Request::Ssl))) {
        nature.find("a server is spoken to without TLS".to_owned());
        return None;
    }
    plain.write_all(b"S").await.ok()?;
    let acceptor = TlsAcceptor::from(Arc::clone(&CONFIG));
    let mut stream = acceptor.accept(plain).await.ok()?;
    let opening = opening(&mut stream).await?;
    Some((Box::pin(stream), opening))
}

/// One message without a tag.
async fn opening(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut message = vec![0; 8];
    stream.read_exact(&mut message).await.ok()?;
    let request = Request::classify(&message).unwrap()?;
    message.resize(request.bytes(), 0);
    stream.read_exact(&mut message[8..]).await.ok()?;
    Some(message)
}

static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]);
    let certificate = certificate.unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_no_client_auth();
    let config = builder.with_single_cert(vec![certificate.der().clone()], key);
    let mut config = config.unwrap();
    // As Postgres: it would wait until they are taken, and a pipe of few bytes holds none.
    config.send_tls13_tickets = 0;
    Arc::new(config)
});
