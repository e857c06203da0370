//! The way to a client during its login: few reads, few writes, one deadline.
//!
//! It reads whatever has come, so that a message costs one read; what the client said beyond its
//! login goes back into the socket, for whoever reads it next.

use std::io;

use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::error::ViolationKind;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend::tag;
use tidegate_proto::limits::AUTH_MESSAGE_BYTES_MAX;
use tidegate_proto::limits::STARTUP_BYTES_MAX;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::edge::EdgeError;
use crate::edge::deadline::Deadline;
use crate::edge::refusal;
use crate::limits::EDGE_READ_BYTES;
use crate::limits::FAREWELL_BYTES_MAX;
use crate::limits::FAREWELL_TIME_MAX;
use crate::net::Socket;
use crate::restrictions::Report;
use crate::tenancy::Origin;

/// Bytes that tell what a packet is: its length, and its version or code.
pub(super) const OPENING_BYTES: usize = 8;

/// A connection that speaks Postgres, and is not authenticated yet.
#[derive(Debug)]
pub(super) struct Line {
    socket: Socket,
    origin: Origin,
    deadline: Deadline,
    outgoing: Vec<u8>,
    /// What has come. A password may be in it: it is overwritten when dropped.
    received: Zeroizing<Vec<u8>>,
    /// How much of that was taken. `0 <= taken <= received.len()`.
    taken: usize,
}

impl Line {
    /// Over a socket whose TLS is settled, from which `received` was read, and not looked at.
    pub(super) fn new(
        socket: Socket,
        received: Vec<u8>,
        origin: Origin,
        deadline: Deadline,
    ) -> Self {
        Self {
            socket,
            origin,
            deadline,
            outgoing: Vec::new(),
            received: Zeroizing::new(received),
            taken: 0,
        }
    }

    /// Where the client is.
    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Waits for `future`, but not beyond the login's deadline.
    ///
    /// # Errors
    /// [`EdgeError::Late`].
    pub(super) async fn within<F: Future>(&self, future: F) -> Result<F::Output, EdgeError> {
        self.deadline.within(future).await.map_err(EdgeError::Late)
    }

    /// What goes out with the next write.
    pub(super) const fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Puts a message behind what goes out with the next write.
    pub(super) fn say(&mut self, message: Vec<u8>) {
        if self.outgoing.is_empty() {
            self.outgoing = message;
        } else {
            self.outgoing.extend_from_slice(&message);
        }
    }

    /// The socket, and what is to be sent before anything else. What the client said too early is
    /// read again.
    pub(super) fn into_parts(self) -> (Socket, Vec<u8>) {
        let Self {
            socket,
            outgoing,
            received,
            taken,
            ..
        } = self;
        let rest = received.get(taken..).unwrap_or_default();
        (socket.replaying(rest), outgoing)
    }

    /// What has come and was not taken yet.
    fn ahead(&self) -> &[u8] {
        self.received.get(self.taken..).unwrap_or_default()
    }

    /// Waits until `count` bytes are there that were not taken yet.
    ///
    /// # Errors
    /// [`EdgeError::Late`], or [`EdgeError::Io`] also when the connection ends before.
    async fn await_bytes(&mut self, count: usize) -> Result<(), EdgeError> {
        while self.ahead().len() < count {
            self.make_room(count);
            let read = self.socket.read_buf(&mut *self.received);
            let read = self.deadline.within(read).await.map_err(EdgeError::Late)?;
            if read.map_err(EdgeError::Io)? == 0 {
                return Err(EdgeError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    }

    /// Room for `count` bytes behind what was taken. What stood there before is overwritten, and
    /// so is the old place if another has to be found.
    fn make_room(&mut self, count: usize) {
        if self.taken == self.received.len() {
            self.received.clear();
            self.taken = 0;
        }
        if self.received.capacity() < self.taken + count {
            let mut wider = Vec::with_capacity(count.max(EDGE_READ_BYTES));
            wider.extend_from_slice(self.ahead());
            self.received = Zeroizing::new(wider);
            self.taken = 0;
        }
    }

    /// Reads the bytes that tell what a packet is, and leaves them. A connection that ends before
    /// the first of them ended in peace.
    ///
    /// # Errors
    /// [`EdgeError::Nothing`], [`EdgeError::Late`], or [`EdgeError::Io`].
    pub(super) async fn read_opening(&mut self) -> Result<[u8; OPENING_BYTES], EdgeError> {
        match self.await_bytes(OPENING_BYTES).await {
            Ok(()) => Ok(self.ahead().first_chunk().copied().unwrap_or_default()),
            Err(EdgeError::Io(error))
                if error.kind() == io::ErrorKind::UnexpectedEof && self.ahead().is_empty() =>
            {
                Err(EdgeError::Nothing)
            },
            Err(error) => Err(error),
        }
    }

    /// Reads a packet of `length` bytes, its opening included; gives it and where an answer goes.
    ///
    /// # Errors
    /// [`EdgeError::Late`], or [`EdgeError::Io`] also when the connection ends before.
    pub(super) async fn read_packet(
        &mut self,
        length: u32,
    ) -> Result<(&[u8], &mut Vec<u8>), EdgeError> {
        let length = length.min(STARTUP_BYTES_MAX) as usize;
        let length = length.max(OPENING_BYTES);
        self.await_bytes(length).await?;
        let start = self.taken;
        self.taken += length;
        let packet = self.received.get(start..self.taken).unwrap_or_default();
        Ok((packet, &mut self.outgoing))
    }

    /// Sends what is outgoing.
    ///
    /// # Errors
    /// [`EdgeError::Late`] if the client does not take it, or [`EdgeError::Io`].
    pub(super) async fn send(&mut self) -> Result<(), EdgeError> {
        let Self {
            socket, outgoing, ..
        } = self;
        let write = async {
            socket.write_all(outgoing).await?;
            socket.flush().await
        };
        let written = self.deadline.within(write).await;
        outgoing.clear();
        written.map_err(EdgeError::Late)?.map_err(EdgeError::Io)
    }

    /// Sends what is outgoing, then reads the body of one answer.
    ///
    /// # Errors
    /// [`EdgeError::Late`], [`EdgeError::Io`] also when the connection ends before, and
    /// [`EdgeError::Authentication`] if the message is no answer, or longer than any: its body was
    /// not waited for.
    pub(super) async fn ask(&mut self) -> Result<&[u8], EdgeError> {
        self.send().await?;
        self.await_bytes(FRAME_HEADER_BYTES).await?;
        let header = self.ahead().first_chunk().copied().unwrap_or_default();
        let body_bytes = answer_bytes(header)
            .map_err(|violation| EdgeError::Authentication(violation.into()))?;
        let length = FRAME_HEADER_BYTES + body_bytes;
        self.await_bytes(length).await?;
        let body = self.taken + FRAME_HEADER_BYTES;
        self.taken += length;
        Ok(self.received.get(body..self.taken).unwrap_or_default())
    }

    /// Tells the client what [`EdgeError::told`] says, if anything, and closes the connection.
    pub(super) async fn refuse(mut self, error: EdgeError) -> EdgeError {
        match (error.told(), &error) {
            (None, _) => {},
            (Some(report), EdgeError::Protocol { major: 0..3, .. }) => {
                refusal::encode_for_version_2(&report, &mut self.outgoing);
                self.farewell().await;
            },
            (Some(report), _) => self.tell(&report).await,
        }
        error
    }

    /// Tells the client why it is refused and closes the connection, so that the words arrive; but
    /// waits no longer than the deadline. After it, what can be sent at once still is.
    pub(super) async fn tell(mut self, report: &Report) {
        refusal::encode(report, &mut self.outgoing);
        self.farewell().await;
    }

    async fn farewell(mut self) {
        let deadline = self.deadline.or_after(Instant::now(), FAREWELL_TIME_MAX);
        let farewell = async {
            self.socket.write_all(&self.outgoing).await?;
            self.socket.flush().await?;
            self.socket.shutdown().await?;
            drain(&mut self.socket).await
        };
        if let Ok(Err(error)) = deadline.within(farewell).await {
            tracing::debug!(%error, "a refused client did not wait for the reason");
        }
    }
}

/// How long the body of an answer is: `PasswordMessage` and the SASL messages, all of one tag.
fn answer_bytes(header: [u8; FRAME_HEADER_BYTES]) -> Result<usize, Violation> {
    let [found, ..] = header;
    if found != tag::PASSWORD {
        return Err(Violation::out_of_place(Sender::Frontend, found));
    }
    let violation = |kind| Violation {
        sender: Sender::Frontend,
        message: "authentication message",
        field: "length",
        kind,
    };
    match FrameHeader::parse(Sender::Frontend, &header)? {
        Some(header) if header.length() <= AUTH_MESSAGE_BYTES_MAX => Ok(header.body_bytes()),
        Some(header) => Err(violation(ViolationKind::TooLong {
            length: header.length(),
            length_max: AUTH_MESSAGE_BYTES_MAX,
        })),
        None => Err(violation(ViolationKind::CutOff)),
    }
}

/// Reads on until the client has closed, too. A socket closed with unread bytes is reset, and a
/// reset overtakes the words that were just sent.
async fn drain(socket: &mut Socket) -> io::Result<()> {
    let mut left = FAREWELL_BYTES_MAX;
    let mut scrap = [0; 512];
    while left > 0 {
        match socket.read(&mut scrap).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
