//! A client that speaks TLS in every way that Postgres knows, and in some that it does not.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::StreamOwned;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tidegate_harness::wire;
use tidegate_harness::wire::Login;
use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::tag;
use tidegate_proto::frontend::PasswordMessage;

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// What a client offers in its handshake.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) authority_pem: String,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) alpn: Vec<&'static [u8]>,
}

/// A connection with TLS on it.
pub(super) struct TlsClient {
    stream: StreamOwned<ClientConnection, TcpStream>,
    process_id: u32,
    key: Vec<u8>,
}

/// A connection without TLS, yet.
pub(super) fn plain(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    stream
}

/// Sends a request of eight bytes and returns the answer of one.
pub(super) fn ask(stream: &mut TcpStream, request: &[u8]) -> u8 {
    stream.write_all(request).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    answer[0]
}

/// Everything up to the end of a connection; a reset is an end, too.
pub(super) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => rest,
    }
}

impl TlsClient {
    /// Makes a handshake.
    pub(super) fn handshake(mut stream: TcpStream, offer: &Offer) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(offer.authority_pem.as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&offer.versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = offer.alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        Ok(Self {
            stream: StreamOwned::new(tls, stream),
            process_id: 0,
            key: Vec::new(),
        })
    }

    /// The protocol that was agreed on.
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.stream.conn.alpn_protocol()
    }

    /// Logs in with a password in clear, up to `ReadyForQuery`.
    pub(super) fn log_in(&mut self, login: &Login) -> io::Result<()> {
        self.stream.write_all(&login.startup().unwrap())?;
        loop {
            let (tag, body) = self.message()?;
            match tag {
                tag::AUTHENTICATION if body == [0, 0, 0, 3] => {
                    let mut answer = Vec::new();
                    let password = login.password.as_bytes();
                    PasswordMessage { password }.encode(&mut answer).unwrap();
                    self.stream.write_all(&answer)?;
                },
                tag::BACKEND_KEY_DATA => {
                    let data = BackendKeyData::decode(&body).unwrap();
                    self.process_id = data.process_id;
                    self.key = data.key.as_bytes().to_vec();
                },
                tag::READY_FOR_QUERY => return Ok(()),
                tag::ERROR_RESPONSE => panic!("{}", String::from_utf8_lossy(&body)),
                _ => {},
            }
        }
    }

    /// Sends bytes as they are.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The bodies of the messages with a tag, up to `ReadyForQuery`.
    pub(super) fn until_ready(&mut self, wanted: u8) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        loop {
            let (tag, body) = self.message().unwrap();
            if tag == wanted {
                bodies.push(body);
            } else if tag == tag::READY_FOR_QUERY {
                return bodies;
            }
        }
    }

    /// Whether a query comes back with what it asked for.
    pub(super) fn is_served(&mut self) -> bool {
        self.send(&wire::query("select 'over TLS'").unwrap());
        let rows = self.until_ready(tag::DATA_ROW);
        rows.len() == 1 && rows.iter().all(|row| row.ends_with(b"over TLS"))
    }

    /// A `CancelRequest` for this session.
    pub(super) fn cancel_request(&self) -> Vec<u8> {
        wire::cancel_request(self.process_id, &self.key).unwrap()
    }

    /// Waits until the other side closes, and returns what it still says.
    pub(super) fn until_closed(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => rest,
            // It closes without TLS's own farewell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => rest,
            Err(error) => panic!("{error}"),
        }
    }

    fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut header = [0; 5];
        self.stream.read_exact(&mut header)?;
        let [tag, length @ ..] = header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body)?;
        Ok((tag, body))
    }
}
