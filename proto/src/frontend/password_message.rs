//! `PasswordMessage`: a password in clear or an MD5 digest of it. Never shown: its `Debug` is
//! empty.

use std::fmt;

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::writer::Writer;

const NAME: &str = "PasswordMessage";

/// Answers `AuthenticationCleartextPassword` or `AuthenticationMD5Password`.
///
/// ```text
/// 'p'  length  password (String)
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PasswordMessage<'a> {
    /// The password, or `md5` and 32 hexadecimal digits.
    pub password: &'a [u8],
}

impl<'a> PasswordMessage<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the string has no terminator, or bytes follow it: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let password = cursor.cstr("password")?;
        cursor.finish()?;
        Ok(Self { password })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the password contains a zero byte or is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Frontend, NAME, tag::PASSWORD)
            .cstr("password", self.password)
            .finish()
    }
}

impl fmt::Debug for PasswordMessage<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct(NAME).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::round_trip;

    proptest! {
        #[test]
        fn a_password_comes_back_as_it_was_written(password in round_trip::string()) {
            let message = PasswordMessage { password: &password };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::PASSWORD, &buffer);
            prop_assert_eq!(PasswordMessage::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| {
                PasswordMessage::decode(body).is_ok()
            });
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let message = PasswordMessage {
            password: b"canary",
        };
        assert_eq!(format!("{message:?}"), "PasswordMessage { .. }");
    }
}
