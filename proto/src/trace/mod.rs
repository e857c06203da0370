//! A conversation as text, one line a message, in the format of libpq's `PQtrace`: what transcripts
//! are written in, and what is compared when the same bytes went to Tidegate and to a server.
//!
//! For tests and for debugging: it decodes and copies everything it is shown. It never shows what
//! could prove a password or cancel a query.
//!
//! See <https://www.postgresql.org/docs/current/libpq-control.html>, `PQtrace`.

mod backend;
mod frontend;
mod line;
mod startup;

use line::Line;

use crate::backend::BackendMessage;
use crate::error::Sender;
use crate::error::Violation;
use crate::frame::Frame;
use crate::frame::FrameHeader;
use crate::frontend::FrontendMessage;
use crate::frontend::tag::PASSWORD;

/// The lines of one conversation so far.
///
/// ```text
/// F       13      Query    "select 1"
/// B       5       ReadyForQuery    I
/// ```
///
/// Sender, length word, message and fields are separated by tabs, and each field follows a space.
/// Unlike libpq it writes bytes that are not printable ASCII as `\x..` in strings too, so that a
/// message is always one line, it always shows the data of a COPY, and it has a line for messages
/// that cannot be decoded.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    text: String,
    comparable: bool,
    awaited: AuthenticationResponse,
}

/// What a `p` message must be, since its tag does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum AuthenticationResponse {
    #[default]
    Unknown,
    Password,
    SaslInitial,
    Sasl,
    Gss,
}

impl Trace {
    /// A trace that shows everything but secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// A trace that also leaves out what differs between two runs: process ids, object ids, and
    /// where in its source a server found an error. It is libpq's `PQTRACE_REGRESS_MODE`.
    pub fn comparable() -> Self {
        Self {
            comparable: true,
            ..Self::default()
        }
    }

    /// Adds every whole message at the start of `bytes` and returns how many bytes they took.
    ///
    /// # Errors
    ///
    /// If a length is illegal; the messages before it are in the trace.
    pub fn stream(&mut self, sender: Sender, bytes: &[u8]) -> Result<usize, Violation> {
        let mut rest = bytes;
        while let Some((frame, after)) = Frame::split(sender, rest)? {
            self.message(sender, frame);
            rest = after;
        }
        Ok(bytes.len().saturating_sub(rest.len()))
    }

    /// Adds one message.
    pub fn message(&mut self, sender: Sender, frame: Frame<'_>) {
        let decoded = match sender {
            Sender::Frontend => self.frontend(frame),
            Sender::Backend => self.backend(frame),
        };
        if let Err(violation) = decoded {
            self.line(sender, frame.header.length())
                .malformed(violation);
        }
    }

    /// Adds a message that opens a connection, which has no tag. `message` is all of it.
    pub fn opening(&mut self, message: &[u8]) {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        startup::opening(message, self.line(Sender::Frontend, length));
    }

    /// Adds the one byte that answers an `SSLRequest`.
    pub fn ssl_response(&mut self, answer: u8) {
        self.line(Sender::Backend, 1)
            .name("SSLResponse")
            .byte(answer)
            .end();
    }

    /// Adds the one byte that answers a `GSSENCRequest`.
    pub fn gssenc_response(&mut self, answer: u8) {
        self.line(Sender::Backend, 1)
            .name("GSSENCResponse")
            .byte(answer)
            .end();
    }

    /// The lines, each with its newline.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The lines, each with its newline.
    pub fn into_string(self) -> String {
        self.text
    }

    fn frontend(&mut self, frame: Frame<'_>) -> Result<(), Violation> {
        if frame.header.tag() == PASSWORD {
            let awaited = std::mem::take(&mut self.awaited);
            let line = self.line(Sender::Frontend, frame.header.length());
            return frontend::authentication(awaited, frame.body, line);
        }
        let message = FrontendMessage::decode(frame)?;
        frontend::message(message, self.line(Sender::Frontend, frame.header.length()))
    }

    fn backend(&mut self, frame: Frame<'_>) -> Result<(), Violation> {
        let message = BackendMessage::decode(frame)?;
        if let BackendMessage::Authentication(request) = message {
            self.awaited = backend::response_to(request);
        }
        backend::message(message, self.backend_line(frame.header));
        Ok(())
    }

    /// Errors have no length if they must compare: it depends on the server's source.
    fn backend_line(&mut self, header: FrameHeader) -> Line<'_> {
        let is_report = matches!(
            header.tag(),
            crate::backend::tag::ERROR_RESPONSE | crate::backend::tag::NOTICE_RESPONSE
        );
        if self.comparable && is_report {
            return Line::without_length(&mut self.text, Sender::Backend);
        }
        self.line(Sender::Backend, header.length())
    }

    fn line(&mut self, sender: Sender, length: u32) -> Line<'_> {
        Line::new(&mut self.text, self.comparable, sender, length)
    }
}

#[cfg(test)]
mod tests;
