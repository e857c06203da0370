//! One connection to a client under TLS, and the client, which is not counted.

use std::future::poll_fn;
use std::io::Read as _;
use std::io::Write as _;
use std::sync::Arc;

use dhat::HeapStats;
use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use tidegate::net::ClientTls;
use tidegate::net::Socket;
use tidegate::net::Transport;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;

const NAME: &str = "db.example.com";
const ROOM_BYTES: usize = 64 * 1024;

/// A client and what it is connected to.
#[derive(Debug)]
pub(crate) struct Line {
    socket: Socket,
    caller: Caller,
    room: Vec<u8>,
}

#[derive(Debug)]
struct Caller {
    tls: ClientConnection,
    wire: DuplexStream,
    records: Vec<u8>,
}

impl Line {
    pub(crate) async fn new(version: &'static SupportedProtocolVersion) -> Self {
        let certified = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let certificate = certified.cert.der();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(NAME).unwrap();
        let (wire, transport) = tokio::io::duplex(2 * ROOM_BYTES);
        let mut caller = Caller {
            tls: ClientConnection::new(Arc::new(client), name).unwrap(),
            wire,
            records: vec![0; 2 * ROOM_BYTES],
        };
        let accepting = async {
            let transport = Transport::in_memory(transport);
            let accepted = ClientTls::accept(transport, Arc::new(server)).await;
            accepted.unwrap()
        };
        let (stream, ()) = tokio::join!(accepting, caller.shake_hands());
        Self {
            socket: Socket::ClientTls(stream),
            caller,
            room: vec![0; ROOM_BYTES],
        }
    }

    /// A question and its answer, of so many bytes; how many blocks our side allocated.
    pub(crate) async fn round(&mut self, asked: usize, answered: usize) -> u64 {
        let Self {
            socket,
            caller,
            room,
        } = self;
        caller.tls.writer().write_all(&room[..asked]).unwrap();
        caller.send().await;
        let before = HeapStats::get().total_blocks;
        let read = poll_fn(|context| socket.poll_read(context, room)).await;
        assert_eq!(read.unwrap(), asked);
        let answer = &room[..answered];
        let written = poll_fn(|context| socket.poll_write(context, answer, &[])).await;
        assert_eq!(written.unwrap(), answered);
        poll_fn(|context| socket.poll_flush(context)).await.unwrap();
        let after = HeapStats::get().total_blocks;
        let mut heard = 0;
        while heard < answered {
            heard += caller.take(room).await;
        }
        after - before
    }
}

impl Caller {
    async fn shake_hands(&mut self) {
        while self.tls.is_handshaking() {
            self.send().await;
            if self.tls.is_handshaking() {
                self.take(&mut []).await;
            }
        }
        self.send().await;
    }

    async fn send(&mut self) {
        while self.tls.wants_write() {
            let mut room = &mut self.records[..];
            let count = self.tls.write_tls(&mut room).unwrap();
            self.wire.write_all(&self.records[..count]).await.unwrap();
        }
    }

    async fn take(&mut self, room: &mut [u8]) -> usize {
        let count = self.wire.read(&mut self.records).await.unwrap();
        let mut records = &self.records[..count];
        let mut heard = 0;
        while !records.is_empty() {
            self.tls.read_tls(&mut records).unwrap();
            let state = self.tls.process_new_packets().unwrap();
            let plaintext = &mut room[..state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(plaintext).unwrap();
            heard += plaintext.len();
        }
        heard
    }
}
