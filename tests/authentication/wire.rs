//! Messages over a socket, in clear or in TLS, one at a time and never for ever.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tidegate::auth::Protection;
use tidegate::auth::channel_binding;
use tidegate_harness::Authority;
use tidegate_harness::KeyPair;

/// No answer takes longer, however slow the machine.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// One connection.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    pub(crate) protection: Protection,
}

impl Wire {
    /// A connection to a server on this machine, without TLS.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = Box::new(connected(port));
        Self {
            stream,
            protection: Protection::Local,
        }
    }

    /// The same with TLS, to a server whose certificate `authority` signed.
    pub(crate) fn connect_tls(port: u16, authority: &Authority) -> Self {
        let mut tcp = connected(port);
        tcp.write_all(SSL_REQUEST).unwrap();
        let mut answer = [0];
        tcp.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"S");

        let mut roots = RootCertStore::empty();
        let authority = authority.certificate_pem();
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).unwrap();
        }
        let certificate = tls.peer_certificates().unwrap().first().unwrap();
        let protection = Protection::Tls {
            binding: channel_binding(certificate),
        };
        Self {
            stream: Box::new(StreamOwned::new(tls, tcp)),
            protection,
        }
    }

    /// Takes one client, with TLS if it asks for it, and reads its `StartupMessage`.
    pub(crate) fn accept(listener: &TcpListener, server: &KeyPair) -> Self {
        let mut tcp = listener.accept().unwrap().0;
        tcp.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        let opening = read_body(&mut tcp).unwrap();
        if Some(&*opening) != SSL_REQUEST.get(4..) {
            return Self {
                stream: Box::new(tcp),
                protection: Protection::None,
            };
        }
        tcp.write_all(b"S").unwrap();
        let certificate =
            CertificateDer::from_pem_slice(server.certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(server.key_pem.as_bytes()).unwrap();
        let protection = Protection::Tls {
            binding: channel_binding(&certificate),
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let tls = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(tls, tcp);
        read_body(&mut stream).unwrap();
        Self {
            stream: Box::new(stream),
            protection,
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// The tag and the body of the next message.
    pub(crate) fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut tag = [0];
        self.stream.read_exact(&mut tag)?;
        let [tag] = tag;
        Ok((tag, read_body(&mut self.stream)?))
    }
}

/// What a connection to the owner of this certificate is bound to.
pub(crate) fn protection_of(server: &KeyPair) -> Protection {
    let certificate = CertificateDer::from_pem_slice(server.certificate_pem.as_bytes()).unwrap();
    Protection::Tls {
        binding: channel_binding(&certificate),
    }
}

fn connected(port: u16) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    tcp
}

fn read_body(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body)?;
    Ok(body)
}
