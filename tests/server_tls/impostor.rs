//! Those who pretend to be a Postgres: one that answers as it likes, and one that stands between.

use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::ServerConfig;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject as _;
use tidegate_harness::KeyPair;
use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

/// No pooler says more than this before it is answered.
const QUIET: Duration = Duration::from_secs(5);

/// Answers each `SSLRequest` with the same bytes, then only listens.
pub(crate) struct Impostor {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Impostor {
    pub(crate) fn start(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let impostor = Self {
            address: listener.local_addr().unwrap(),
            heard: Arc::clone(&heard),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // What breaks is the pooler's doing, and is judged by what it says to its client.
                drop(converse(stream, answer, &heard));
            }
        });
        impostor
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All that was said to it.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}

fn converse(mut stream: TcpStream, answer: &[u8], heard: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(QUIET))?;
    let mut request = [0; SslRequest::BYTES.len()];
    stream.read_exact(&mut request)?;
    assert_eq!(request, SslRequest::BYTES);
    stream.write_all(answer)?;
    if answer.is_empty() {
        return Ok(());
    }
    let mut chunk = [0; 1024];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        heard.lock().unwrap().extend_from_slice(&chunk[..count]);
    }
}

/// Ends TLS with a certificate of its own choice, and relays to the real server over TLS.
pub(crate) struct Between {
    port: u16,
    has_relayed: Arc<AtomicBool>,
}

impl Between {
    pub(crate) fn start(shown: &KeyPair, server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let between = Self {
            port: listener.local_addr().unwrap().port(),
            has_relayed: Arc::default(),
        };
        let (acceptor, has_relayed) = (acceptor(shown), Arc::clone(&between.has_relayed));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    // One at a time is enough, and how a relay ends is seen by the pooler's client.
                    drop(relay(stream, &acceptor, server_port, &has_relayed).await);
                }
            });
        });
        between
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether somebody spoke through it: in TLS, on both sides.
    pub(crate) fn has_relayed(&self) -> bool {
        self.has_relayed.load(Ordering::SeqCst)
    }
}

async fn relay(
    mut client: tokio::net::TcpStream,
    acceptor: &tokio_rustls::TlsAcceptor,
    server_port: u16,
    has_relayed: &AtomicBool,
) -> std::io::Result<()> {
    client.read_exact(&mut [0; SslRequest::BYTES.len()]).await?;
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)).await?;
    server.write_all(&SslRequest::BYTES).await?;
    server.read_exact(&mut [0]).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut server = connector().connect(name, server).await?;
    has_relayed.store(true, Ordering::SeqCst);
    tokio::io::copy_bidirectional(&mut client, &mut server)
        .await
        .map(drop)
}

fn acceptor(shown: &KeyPair) -> tokio_rustls::TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(shown.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(shown.key_pem.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config).into()
}

fn connector() -> tokio_rustls::TlsConnector {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    Arc::new(config).into()
}

/// An impostor does not care who the server is.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
