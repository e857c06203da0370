//! `Close`: forgets a statement or a portal.

use super::Target;
use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "Close";

/// Answered by `CloseComplete`, also if there is nothing of that name.
///
/// ```text
/// 'C'  length  'S' or 'P'  name (String)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close<'a> {
    /// What it is about.
    pub target: Target<'a>,
}

impl<'a> Close<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the kind is neither, the name has no terminator or bytes follow it: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let target = Target::decode(Cursor::new(Sender::Frontend, NAME, body))?;
        Ok(Self { target })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the name contains a zero byte or is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.target
            .encode(Writer::tagged(buffer, Sender::Frontend, NAME, tag::CLOSE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ViolationKind;
    use crate::round_trip;

    proptest! {
        #[test]
        fn a_close_comes_back_as_it_was_written(name in round_trip::string()) {
            for target in [Target::Statement(&name), Target::Portal(&name)] {
                let message = Close { target };
                let mut buffer = Vec::new();
                message.encode(&mut buffer).unwrap();
                let body = round_trip::body(Sender::Frontend, tag::CLOSE, &buffer);
                prop_assert_eq!(Close::decode(body), Ok(message));
                round_trip::only_the_whole_is_accepted(body, |body| Close::decode(body).is_ok());
            }
        }
    }

    #[test]
    fn a_kind_that_is_neither_is_refused() {
        let violation = Close::decode(b"Xname\0").unwrap_err();
        assert_eq!(
            violation.kind,
            ViolationKind::IllegalValue {
                value: i64::from(b'X')
            }
        );
    }
}
