//! The far end of a connection: a client that rustls makes, and a wire that takes its records in
//! pieces.

use std::io::Read as _;
use std::io::Write as _;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::io::AsyncRead as _;
use tokio::io::AsyncWrite as _;
use tokio::io::DuplexStream;
use tokio::io::ReadBuf;

use super::NAME;
use super::Setup;
use super::pair::ROOM_BYTES;
use super::text;

/// A client.
pub(super) struct Far {
    pub(super) tls: ClientConnection,
    wire: Option<DuplexStream>,
    room: Vec<u8>,
    /// What is not delivered yet.
    pub(super) outgoing: Vec<u8>,
    /// How many bytes it has said.
    pub(super) said: usize,
    pub(super) heard: Vec<u8>,
    /// It was told that nothing more comes.
    pub(super) has_heard_end: bool,
    /// It could make nothing of what came.
    pub(super) is_broken: bool,
}

impl Far {
    pub(super) fn new(setup: &Setup, wire: DuplexStream) -> Self {
        let name = ServerName::try_from(NAME).unwrap();
        let mut tls = ClientConnection::new(setup.client(), name).unwrap();
        tls.set_buffer_limit(None);
        let mut far = Self {
            tls,
            wire: Some(wire),
            room: vec![0; ROOM_BYTES],
            outgoing: Vec::new(),
            said: 0,
            heard: Vec::new(),
            has_heard_end: false,
            is_broken: false,
        };
        far.collect();
        far
    }

    pub(super) fn say(&mut self, count: usize) {
        let bytes = text(self.said, count);
        self.say_exactly(&bytes);
        self.said += count;
    }

    pub(super) fn say_exactly(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
        self.collect();
    }

    pub(super) fn close(&mut self) {
        self.tls.send_close_notify();
        self.collect();
    }

    /// Both sides are to use new keys, if the version knows how.
    pub(super) fn update_keys(&mut self) {
        if !self.tls.is_handshaking() && self.tls.refresh_traffic_keys().is_ok() {
            self.collect();
        }
    }

    /// The wire is cut.
    pub(super) fn cut(&mut self) {
        self.wire = None;
    }

    /// Delivers at most so many bytes; how many it were.
    pub(super) fn deliver(&mut self, most: usize, context: &mut Context<'_>) -> usize {
        let Some(wire) = &mut self.wire else { return 0 };
        let bytes = &self.outgoing[..most.min(self.outgoing.len())];
        match Pin::new(wire).poll_write(context, bytes) {
            Poll::Ready(Ok(count)) => {
                drop(self.outgoing.drain(..count));
                count
            },
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        }
    }

    /// Hears at most so many bytes of the wire; how many it were.
    pub(super) fn receive(&mut self, most: usize, context: &mut Context<'_>) -> usize {
        let Some(wire) = &mut self.wire else { return 0 };
        let most = most.min(ROOM_BYTES);
        let mut read = ReadBuf::new(&mut self.room[..most]);
        if !matches!(
            Pin::new(wire).poll_read(context, &mut read),
            Poll::Ready(Ok(()))
        ) {
            return 0;
        }
        let count = read.filled().len();
        let room = std::mem::take(&mut self.room);
        self.take(&room[..count]);
        self.room = room;
        count
    }

    /// Takes in records that have come in whatever way.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_broken {
            self.is_broken = self.tls.read_tls(&mut bytes).is_err();
            match self.tls.process_new_packets() {
                Ok(state) => {
                    let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
                    self.tls.reader().read_exact(&mut plaintext).unwrap();
                    self.heard.extend_from_slice(&plaintext);
                    self.has_heard_end |= state.peer_has_closed();
                },
                Err(_) => self.is_broken = true,
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.outgoing).unwrap();
        }
    }
}
