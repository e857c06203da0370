//! What can be wrong with bytes of the `PostgreSQL` protocol: a peer's violation, and a message
//! that cannot be written. Holds facts only; it never holds bytes of the peer, so that nothing
//! secret or hostile can reach a log through an error.
//!
//! See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::fmt;

use crate::fault::Fault;
use crate::sqlstate::SqlState;

/// Who sent a message, in the words of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A client of Tidegate, or Tidegate towards a server.
    Frontend,
    /// A server, or Tidegate towards a client.
    Backend,
}

impl Sender {
    /// Whose fault it is when this sender's bytes are wrong.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Frontend => Fault::Client,
            Self::Backend => Fault::Server,
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Frontend => "frontend",
            Self::Backend => "backend",
        })
    }
}

/// A peer broke the protocol: which message, which field, and what was wrong with it.
///
/// After a violation the position in the byte stream is unknown, so the connection it came from
/// must close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{message} of the {sender}: {field} {kind}")]
pub struct Violation {
    /// Who sent it.
    pub sender: Sender,
    /// The message, as the protocol names it.
    pub message: &'static str,
    /// The field within the message.
    pub field: &'static str,
    /// What was wrong.
    pub kind: ViolationKind,
}

/// What was wrong with a field. Lengths and counts are as they were announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ViolationKind {
    /// A length is below what the message needs at least. In bytes.
    #[error("is {length} bytes, which is below {length_min}")]
    TooShort {
        /// The length announced.
        length: u32,
        /// The smallest legal one.
        length_min: u32,
    },
    /// A length is above its limit. In bytes.
    #[error("is {length} bytes, which is above {length_max}")]
    TooLong {
        /// The length announced.
        length: u32,
        /// The largest legal one.
        length_max: u32,
    },
    /// The message ends inside the field.
    #[error("is cut off by the end of the message")]
    CutOff,
    /// A string has no terminating zero byte.
    #[error("has no terminator")]
    Unterminated,
    /// Bytes follow the last field.
    #[error("is followed by {count} more bytes")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A number has none of its legal values.
    #[error("has the illegal value {value}")]
    IllegalValue {
        /// The value found.
        value: i64,
    },
    /// Nothing sent before can have led to this message.
    #[error("is out of place")]
    OutOfPlace,
    /// No user is named, or an empty one.
    #[error("names no user")]
    NoUser,
}

impl Violation {
    /// Whose fault it is: the sender's.
    pub const fn fault(&self) -> Fault {
        self.sender.fault()
    }

    /// A message whose tag cannot stand where it came, whether known or not.
    pub const fn out_of_place(sender: Sender, tag: u8) -> Self {
        let name = match sender {
            Sender::Frontend => crate::frontend::tag::name(tag),
            Sender::Backend => crate::backend::tag::name(tag),
        };
        let (message, kind) = match name {
            Some(name) => (name, ViolationKind::OutOfPlace),
            None => ("message", ViolationKind::IllegalValue { value: tag as i64 }),
        };
        Self {
            sender,
            message,
            field: "tag",
            kind,
        }
    }

    /// What a client is told, the same as by a server: `28000` if a startup message names no user,
    /// otherwise `08P01`.
    pub const fn sqlstate(&self) -> SqlState {
        match self.kind {
            ViolationKind::NoUser => SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            ViolationKind::TooShort { .. }
            | ViolationKind::TooLong { .. }
            | ViolationKind::CutOff
            | ViolationKind::Unterminated
            | ViolationKind::TrailingBytes { .. }
            | ViolationKind::IllegalValue { .. }
            | ViolationKind::OutOfPlace => SqlState::PROTOCOL_VIOLATION,
        }
    }
}

/// A message that Tidegate cannot write, because a value has no representation on the wire.
///
/// The output buffer is left as it was before the message was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("cannot write {message}: {field} {kind}")]
pub struct EncodeError {
    /// The message, as the protocol names it.
    pub message: &'static str,
    /// The field within the message.
    pub field: &'static str,
    /// Why it cannot be written.
    pub kind: EncodeErrorKind,
}

/// Why a field cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EncodeErrorKind {
    /// More bytes than a receiver accepts, or than a length can say.
    #[error("is {length} bytes, which is above {length_max}")]
    TooLong {
        /// The length wanted.
        length: usize,
        /// The largest that can be sent.
        length_max: usize,
    },
    /// More elements than a count can say.
    #[error("has {count} elements, which is above {count_max}")]
    TooMany {
        /// The number of elements.
        count: usize,
        /// The largest number that can be sent.
        count_max: usize,
    },
    /// Nothing, where the protocol reads nothing as the end of a list.
    #[error("is empty")]
    Empty,
    /// A zero byte inside a string would end it, and what follows would be read as other fields.
    #[error("contains a zero byte")]
    ZeroByte,
}

impl EncodeError {
    /// Tidegate chose the value, so the fault is its own.
    pub const fn fault(&self) -> Fault {
        Fault::Pooler
    }

    /// `XX000`: a value that cannot be sent should have been refused earlier.
    pub const fn sqlstate(&self) -> SqlState {
        SqlState::INTERNAL_ERROR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(sender: Sender) -> Violation {
        Violation {
            sender,
            message: "Bind",
            field: "portal",
            kind: ViolationKind::Unterminated,
        }
    }

    #[test]
    fn a_violation_is_the_fault_of_its_sender() {
        assert_eq!(violation(Sender::Frontend).fault(), Fault::Client);
        assert_eq!(violation(Sender::Backend).fault(), Fault::Server);
        assert_eq!(
            violation(Sender::Backend).sqlstate(),
            SqlState::PROTOCOL_VIOLATION
        );
    }

    #[test]
    fn a_violation_reads_as_a_sentence() {
        assert_eq!(
            violation(Sender::Frontend).to_string(),
            "Bind of the frontend: portal has no terminator"
        );
    }
}
