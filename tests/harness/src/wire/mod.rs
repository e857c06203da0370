//! A Postgres client of the tests' own, one message at a time: says what no driver would, and hears
//! every byte of the answer.
//!
//! It waits at most [`ANSWER_LIMIT`] for an answer and never retries.

mod compose;
mod error;
mod login;
mod message;
mod proxied;
mod unread;

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::tag;
use tidegate_proto::error::Sender;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::frame::Frame;
use tidegate_proto::startup::CancelRequest;
use tidegate_proto::trace::Trace;

use crate::polling;

pub use self::compose::bind;
pub use self::compose::execute;
pub use self::compose::parse;
pub use self::compose::query;
pub use self::compose::sync;
pub use self::compose::terminate;
pub use self::error::ServerReport;
pub use self::error::WireError;
pub use self::login::Login;
pub use self::message::Message;
pub use self::proxied::BEHIND_A_BALANCER;
pub use self::proxied::proxied;
pub use self::proxied::proxied_through;

/// How long an answer may take.
pub const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// How long [`Wire::until_read`] waits.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// A connection that has logged in.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    /// Everything that was ever received, if somebody wants to know.
    record: Option<Vec<u8>>,
    address: SocketAddr,
    parameters: Vec<(String, String)>,
    process_id: u32,
    key: Vec<u8>,
}

impl Wire {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`WireError::Refused`] with what the server said; otherwise what broke.
    pub fn connect(login: &Login) -> Result<Self, WireError> {
        let mut wire = Self::announce(login)?;
        wire.prove(login)?;
        Ok(wire)
    }

    /// Connects and says who it is, but proves nothing yet.
    ///
    /// # Errors
    /// [`WireError::Io`] if nobody listens.
    pub fn announce(login: &Login) -> Result<Self, WireError> {
        let mut wire = Self::open(login.address)?;
        wire.send(&[&login.before[..], &login.startup()?].concat())?;
        Ok(wire)
    }

    /// Connects and says nothing yet.
    ///
    /// # Errors
    /// [`WireError::Io`] if nobody listens.
    pub fn open(address: SocketAddr) -> Result<Self, WireError> {
        let stream = TcpStream::connect(address).map_err(WireError::Io)?;
        stream.set_nodelay(true).map_err(WireError::Io)?;
        stream
            .set_read_timeout(Some(ANSWER_LIMIT))
            .map_err(WireError::Io)?;
        Ok(Self {
            stream,
            received: Vec::new(),
            record: None,
            address,
            parameters: Vec::new(),
            process_id: 0,
            key: Vec::new(),
        })
    }

    /// Goes on from [`Wire::announce`] to the end of the login.
    ///
    /// # Errors
    /// As [`Wire::connect`].
    pub fn prove(&mut self, login: &Login) -> Result<(), WireError> {
        login::authenticate(self, login)?;
        loop {
            let message = self.message()?;
            match message.tag() {
                tag::READY_FOR_QUERY => return Ok(()),
                tag::ERROR_RESPONSE => return Err(message.report()?.into()),
                tag::BACKEND_KEY_DATA => {
                    let data = BackendKeyData::decode(message.body())?;
                    self.process_id = data.process_id;
                    self.key = data.key.as_bytes().to_vec();
                },
                _ => {},
            }
        }
    }

    /// Sends bytes as they are, in one write.
    ///
    /// # Errors
    /// [`WireError::Io`] if the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.stream.write_all(bytes).map_err(WireError::Io)
    }

    /// Waits until the other side has read all that was sent, so that it cannot see the next bytes
    /// together with these. Does not wait long for one that does not want to read.
    ///
    /// # Errors
    /// [`WireError::Io`] if the connection is gone.
    pub fn until_read(&self) -> Result<(), WireError> {
        let local = self.local_address()?;
        let is_read = || unread::unread_bytes(local, self.address) == 0;
        // Whoever does not want to read is left alone after a while.
        drop(polling::until_true("a read", READ_LIMIT, is_read));
        Ok(())
    }

    /// Waits until the other side has said something, and leaves that to be read.
    ///
    /// # Errors
    /// As [`Wire::message`].
    pub fn until_answered(&mut self) -> Result<(), WireError> {
        while self.received.is_empty() {
            self.receive()?;
        }
        Ok(())
    }

    /// Takes the first byte that waits to be read: the answer to a request for encryption is one.
    pub fn take_byte(&mut self) -> Option<u8> {
        let first = self.received.first().copied();
        self.received.drain(..usize::from(first.is_some()));
        first
    }

    /// Forgets what has come and was not read as a message; how many bytes that were.
    pub fn take_received(&mut self) -> usize {
        std::mem::take(&mut self.received).len()
    }

    /// The next message. Parameters that it reports are remembered.
    ///
    /// # Errors
    /// [`WireError::Closed`] at the end of the stream, [`WireError::Late`] if nothing comes.
    pub fn message(&mut self) -> Result<Message, WireError> {
        loop {
            if let Some((frame, _)) = Frame::split(Sender::Backend, &self.received)? {
                let total = frame.header.total_bytes();
                let rest = self.received.split_off(total);
                let message = Message::new(std::mem::replace(&mut self.received, rest));
                self.take_note(&message)?;
                return Ok(message);
            }
            self.receive()?;
        }
    }

    /// Every message up to the next one with this tag, that one included.
    ///
    /// # Errors
    /// As [`Wire::message`].
    pub fn until(&mut self, tag: u8) -> Result<Vec<Message>, WireError> {
        let mut messages = Vec::new();
        loop {
            let message = self.message()?;
            let is_last = message.tag() == tag;
            messages.push(message);
            if is_last {
                return Ok(messages);
            }
        }
    }

    /// Runs a simple query and returns its rows as psql would with `-At`: one a line, fields parted
    /// by `|`, nulls empty.
    ///
    /// # Errors
    /// [`WireError::Refused`] with the first error that the server reports.
    pub fn query(&mut self, sql: &str) -> Result<String, WireError> {
        self.send(&query(sql)?)?;
        self.rows()
    }

    /// The rows of an answer that was asked for already; reads to `ReadyForQuery`.
    ///
    /// # Errors
    /// As [`Wire::query`].
    pub fn rows(&mut self) -> Result<String, WireError> {
        let mut lines = Vec::new();
        let mut refused = None;
        loop {
            let message = match self.message() {
                // A server that ends the session says why, and no more.
                Err(WireError::Closed | WireError::Io(_)) if refused.is_some() => break,
                other => other?,
            };
            match message.tag() {
                tag::DATA_ROW => lines.push(line_of(&message)?),
                tag::ERROR_RESPONSE if refused.is_none() => refused = Some(message.report()?),
                tag::READY_FOR_QUERY => break,
                _ => {},
            }
        }
        refused.map_or_else(|| Ok(lines.join("\n")), |report| Err(report.into()))
    }

    /// The value that the server last reported for a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut reported = self.parameters.iter().rev();
        let found = reported.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All that was reported so far, in the order of arrival.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The process id and the key of `BackendKeyData`.
    pub fn cancel_key(&self) -> (u32, &[u8]) {
        (self.process_id, &self.key)
    }

    /// A `CancelRequest` for this session.
    ///
    /// # Errors
    /// [`WireError::Encode`] if the server gave no key.
    pub fn cancel_request(&self) -> Result<Vec<u8>, WireError> {
        cancel_request(self.process_id, &self.key)
    }

    /// Sends a `CancelRequest` for this session by a connection of its own, and waits until the
    /// other side closes that.
    ///
    /// # Errors
    /// [`WireError::Io`] if nobody listens.
    pub fn cancel(&self) -> Result<(), WireError> {
        let mut other = Self::open(self.address)?;
        other.send(&self.cancel_request()?)?;
        other.until_closed().map(drop)
    }

    /// Everything that still comes until the other side closes.
    ///
    /// # Errors
    /// [`WireError::Late`] if it does not close.
    pub fn until_closed(&mut self) -> Result<Vec<u8>, WireError> {
        loop {
            match self.receive() {
                Ok(()) => {},
                Err(WireError::Closed) => return Ok(std::mem::take(&mut self.received)),
                // A reset is an end, too.
                Err(WireError::Io(error)) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ok(std::mem::take(&mut self.received));
                },
                Err(other) => return Err(other),
            }
        }
    }

    /// The error with which the other side closes; reads everything before it.
    ///
    /// # Errors
    /// [`WireError::Closed`] if it closes without one.
    pub fn farewell(&mut self) -> Result<ServerReport, WireError> {
        loop {
            let message = self.message()?;
            if message.tag() == tag::ERROR_RESPONSE {
                return message.report();
            }
        }
    }

    /// The connection itself, for what is too much to be taken message by message. Whatever has come
    /// already and was not read as a message is not heard by it.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Keeps every byte that comes from now on.
    pub fn record(&mut self) {
        self.record = Some(self.received.clone());
    }

    /// What has come since [`Wire::record`].
    pub fn recorded(&self) -> &[u8] {
        self.record.as_deref().unwrap_or_default()
    }

    /// Says that nothing more comes, and leaves the other direction open.
    ///
    /// # Errors
    /// [`WireError::Io`] if the connection is gone.
    pub fn finish(&self) -> Result<(), WireError> {
        self.stream.shutdown(Shutdown::Write).map_err(WireError::Io)
    }

    /// Our end of the connection.
    ///
    /// # Errors
    /// [`WireError::Io`] if the connection is gone.
    pub fn local_address(&self) -> Result<SocketAddr, WireError> {
        self.stream.local_addr().map_err(WireError::Io)
    }

    fn receive(&mut self) -> Result<(), WireError> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(WireError::Closed),
            Ok(count) => {
                let chunk = chunk.get(..count).unwrap_or_default();
                self.received.extend_from_slice(chunk);
                if let Some(record) = &mut self.record {
                    record.extend_from_slice(chunk);
                }
                Ok(())
            },
            // A process that was stopped and goes on is told so where it waits with a limit.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(WireError::Late),
            Err(error) => Err(WireError::Io(error)),
        }
    }

    fn take_note(&mut self, message: &Message) -> Result<(), WireError> {
        if message.tag() == tag::PARAMETER_STATUS {
            let status = ParameterStatus::decode(message.body())?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.parameters
                .push((text(status.name), text(status.value)));
        }
        Ok(())
    }
}

/// A `CancelRequest` for any session.
///
/// # Errors
/// [`WireError::Encode`] if no server gives such a key.
pub fn cancel_request(process_id: u32, key: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut bytes = Vec::new();
    let key = CancelKey::new(key).ok_or(WireError::NoKey)?;
    CancelRequest { process_id, key }.encode(&mut bytes)?;
    Ok(bytes)
}

/// Messages of a server as PQtrace text, without what differs between two runs.
///
/// # Errors
/// [`WireError::Violation`] if they are no messages.
pub fn trace(messages: &[Message]) -> Result<String, WireError> {
    let mut trace = Trace::comparable();
    for message in messages {
        trace.stream(Sender::Backend, message.as_bytes())?;
    }
    Ok(trace.into_string())
}

fn line_of(row: &Message) -> Result<String, WireError> {
    let row = DataRow::decode(row.body())?;
    let fields = row.values.iter().map(|value| {
        let value = value.unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    });
    Ok(fields.collect::<Vec<String>>().join("|"))
}
