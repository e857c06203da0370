//! `CommandComplete`: the end of one SQL command.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "CommandComplete";

/// Comes once for each command of a query that succeeded.
///
/// ```text
/// 'C'  length  command (String)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandComplete<'a> {
    /// The command and its row count, such as `INSERT 0 1` (the spec's "command tag").
    pub command: &'a [u8],
}

impl<'a> CommandComplete<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the string has no terminator, or bytes follow it: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let command = cursor.cstr("command")?;
        cursor.finish()?;
        Ok(Self { command })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the string contains a zero byte or is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Backend, NAME, tag::COMMAND_COMPLETE)
            .cstr("command", self.command)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::round_trip;

    proptest! {
        #[test]
        fn a_command_complete_comes_back_as_it_was_written(command in round_trip::string()) {
            let message = CommandComplete { command: &command };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::COMMAND_COMPLETE, &buffer);
            prop_assert_eq!(CommandComplete::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| CommandComplete::decode(body).is_ok());
        }
    }
}
