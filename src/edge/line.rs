//! The way to a client during its login: reads of exact sizes, few writes, one deadline.
//!
//! It reads what a message announces and never a byte more, so that nothing of what follows is
//! taken away from the next step, or from TLS.

use std::sync::Arc;

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
    origin: Arc<Origin>,
    deadline: Deadline,
    outgoing: Vec<u8>,
}

impl Line {
    /// Over a socket whose TLS is settled.
    pub(super) const fn new(socket: Socket, origin: Arc<Origin>, deadline: Deadline) -> Self {
        Self {
            socket,
            origin,
            deadline,
            outgoing: Vec::new(),
        }
    }

    /// Where the client is.
    pub(super) const fn origin(&self) -> &Arc<Origin> {
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

    /// The socket, when nothing more is to be sent.
    pub(super) fn into_socket(self) -> Socket {
        debug_assert!(self.outgoing.is_empty(), "a message would be lost");
        self.socket
    }

    /// Fills `buffer` exactly.
    ///
    /// # Errors
    /// [`EdgeError::Late`], or [`EdgeError::Io`] also when the connection ends before.
    pub(super) async fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), EdgeError> {
        let read = self.socket.read_exact(buffer);
        let read = self.deadline.within(read).await.map_err(EdgeError::Late)?;
        read.map(drop).map_err(EdgeError::Io)
    }

    /// Reads the bytes that tell what a packet is. A connection that ends before the first of them
    /// ended in peace.
    ///
    /// # Errors
    /// [`EdgeError::Nothing`], or as [`Line::read_exact`].
    pub(super) async fn read_opening(&mut self) -> Result<[u8; OPENING_BYTES], EdgeError> {
        let mut opening = [0; OPENING_BYTES];
        let read = self.socket.read(&mut opening);
        let read = self.deadline.within(read).await.map_err(EdgeError::Late)?;
        let read = read.map_err(EdgeError::Io)?;
        if read == 0 {
            return Err(EdgeError::Nothing);
        }
        self.read_exact(opening.get_mut(read..).unwrap_or_default())
            .await?;
        Ok(opening)
    }

    /// Reads the rest of a packet of `length` bytes; gives all of it.
    ///
    /// # Errors
    /// As [`Line::read_exact`].
    pub(super) async fn read_packet(
        &mut self,
        opening: [u8; OPENING_BYTES],
        length: u32,
    ) -> Result<Vec<u8>, EdgeError> {
        let length = length.min(STARTUP_BYTES_MAX) as usize;
        let mut packet = opening.to_vec();
        packet.resize(length.max(OPENING_BYTES), 0);
        self.read_exact(packet.get_mut(OPENING_BYTES..).unwrap_or_default())
            .await?;
        Ok(packet)
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

    /// Sends what is outgoing, then reads the body of one answer. It may hold a password, and is
    /// overwritten when dropped.
    ///
    /// # Errors
    /// As [`Line::read_exact`], and [`EdgeError::Authentication`] if the message is no answer, or
    /// longer than any: its body was not waited for.
    pub(super) async fn ask(&mut self) -> Result<Zeroizing<Vec<u8>>, EdgeError> {
        self.send().await?;
        let mut header = [0; FRAME_HEADER_BYTES];
        self.read_exact(&mut header).await?;
        let body_bytes = answer_bytes(header)
            .map_err(|violation| EdgeError::Authentication(violation.into()))?;
        let mut body = Zeroizing::new(vec![0; body_bytes]);
        self.read_exact(&mut body).await?;
        Ok(body)
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
async fn drain(socket: &mut Socket) -> std::io::Result<()> {
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
