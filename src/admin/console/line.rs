//! The bytes to and from an operator: whole messages in, bounded writes out.

use std::io;

use tidegate_proto::backend::ReportText;
use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::error::ViolationKind;
use tidegate_proto::frame::Frame;
use tidegate_proto::frame::FrameHeader;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::limits::CONSOLE_MESSAGE_BYTES_MAX;
use crate::limits::CONSOLE_OUTGOING_BYTES;
use crate::limits::CONSOLE_WRITE_TIMEOUT;
use crate::net::Socket;

/// The way to an operator.
#[derive(Debug)]
pub(super) struct Line {
    socket: Socket,
    /// `consumed <= incoming.len()`; at most one read more than a message.
    incoming: Vec<u8>,
    consumed: usize,
    outgoing: Vec<u8>,
}

/// Why the conversation ends before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// The connection broke, or the operator does not read.
    #[error("the connection to the operator broke")]
    Gone(#[source] io::Error),
    /// The operator's driver broke the protocol.
    #[error("the operator broke the protocol")]
    Violation(#[from] Violation),
    /// A message cannot be written: our own fault.
    #[error("a message could not be written")]
    Encode(#[from] EncodeError),
    /// Another operator ended the session.
    #[error("another operator ended the session")]
    Killed,
}

impl LineError {
    /// The word for it in the log.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Gone(_) => "client_gone",
            Self::Violation(_) => "client_violation",
            Self::Encode(_) => "unwritable",
            Self::Killed => "killed",
        }
    }
}

impl Line {
    /// Over a socket on which nothing is under way.
    pub(super) const fn new(socket: Socket) -> Self {
        Self {
            socket,
            incoming: Vec::new(),
            consumed: 0,
            outgoing: Vec::new(),
        }
    }

    /// What goes out with the next write.
    pub(super) const fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Waits for the next message; `None` if the operator has gone. It stays until the next call.
    ///
    /// # Errors
    /// [`LineError::Gone`], or [`LineError::Violation`] for a message that is too long.
    pub(super) async fn message(&mut self) -> Result<Option<Frame<'_>>, LineError> {
        self.incoming.drain(..self.consumed);
        self.consumed = 0;
        let total_bytes = loop {
            if let Some(header) = FrameHeader::parse(Sender::Frontend, &self.incoming)? {
                check_length(header)?;
                if self.incoming.len() >= header.total_bytes() {
                    break header.total_bytes();
                }
            }
            self.incoming.reserve(CONSOLE_MESSAGE_BYTES_MAX / 4);
            let read = self.socket.read_buf(&mut self.incoming).await;
            if read.map_err(LineError::Gone)? == 0 {
                return Ok(None);
            }
        };
        self.consumed = total_bytes;
        let split = Frame::split(Sender::Frontend, &self.incoming)?;
        Ok(split.map(|(frame, _rest)| frame))
    }

    /// Sends what is outgoing, if it has become much.
    ///
    /// # Errors
    /// As [`Line::flush`].
    pub(super) async fn flush_if_full(&mut self) -> Result<(), LineError> {
        if self.outgoing.len() < CONSOLE_OUTGOING_BYTES {
            return Ok(());
        }
        self.flush().await?;
        // The clients of this worker come first.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Sends what is outgoing.
    ///
    /// # Errors
    /// [`LineError::Gone`], also if it is not taken in [`CONSOLE_WRITE_TIMEOUT`].
    pub(super) async fn flush(&mut self) -> Result<(), LineError> {
        let Self {
            socket, outgoing, ..
        } = self;
        let writing = async {
            socket.write_all(outgoing).await?;
            socket.flush().await
        };
        let written = timeout(CONSOLE_WRITE_TIMEOUT, writing).await;
        outgoing.clear();
        let written = written.unwrap_or_else(|late| Err(late.into()));
        written.map_err(LineError::Gone)
    }

    /// Says why the session ends, and closes. Whether it is heard does not matter any more.
    pub(super) async fn farewell(mut self, report: ReportText<'_>) {
        report.encode_error(&mut self.outgoing);
        if self.flush().await.is_ok() {
            drop(timeout(CONSOLE_WRITE_TIMEOUT, self.socket.shutdown()).await);
        }
    }
}

fn check_length(header: FrameHeader) -> Result<(), Violation> {
    if header.total_bytes() <= CONSOLE_MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let length_max = u32::try_from(CONSOLE_MESSAGE_BYTES_MAX - 1).unwrap_or(u32::MAX);
    let length = header.length();
    Err(Violation {
        sender: Sender::Frontend,
        message: "message",
        field: "length",
        kind: ViolationKind::TooLong { length, length_max },
    })
}
