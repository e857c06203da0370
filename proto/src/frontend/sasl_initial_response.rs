//! `SASLInitialResponse`: which mechanism the client chose, and its first message. Never shown: its
//! `Debug` has the mechanism only.

use std::fmt;

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::value;
use crate::writer::Writer;

const NAME: &str = "SASLInitialResponse";

/// Answers `AuthenticationSASL`.
///
/// ```text
/// 'p'  length  mechanism (String)  length (Int32), -1 for none   response
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslInitialResponse<'a> {
    /// One of those that the server offered, such as `SCRAM-SHA-256`.
    pub mechanism: &'a [u8],
    /// The mechanism's first message, if the client sends it at once.
    pub response: Option<&'a [u8]>,
}

impl<'a> SaslInitialResponse<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the mechanism has no terminator, the response's length is negative or not what follows,
    /// or bytes follow the response: the client's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let mechanism = cursor.cstr("mechanism")?;
        let response = value(&mut cursor, "response")?;
        cursor.finish()?;
        Ok(Self {
            mechanism,
            response,
        })
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If the mechanism contains a zero byte or the whole is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Frontend, NAME, tag::PASSWORD)
            .cstr("mechanism", self.mechanism)
            .value("response", self.response)
            .finish()
    }
}

impl fmt::Debug for SaslInitialResponse<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mechanism = self.mechanism.escape_ascii().to_string();
        formatter
            .debug_struct(NAME)
            .field("mechanism", &mechanism)
            .finish_non_exhaustive()
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
        fn a_first_response_comes_back_as_it_was_written(
            mechanism in round_trip::string(),
            response in proptest::option::of(round_trip::data()),
        ) {
            let response = response.as_deref();
            let message = SaslInitialResponse { mechanism: &mechanism, response };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::PASSWORD, &buffer);
            prop_assert_eq!(SaslInitialResponse::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| {
                SaslInitialResponse::decode(body).is_ok()
            });
        }
    }

    #[test]
    fn sasl_len_overflow_cve_2026_6664() {
        let mechanism = b"SCRAM-SHA-256\0";
        for length in [4u32, 5, (1 << 31) - 1, 1 << 31, u32::MAX - 1] {
            let body = [&mechanism[..], &length.to_be_bytes(), b"n,,"].concat();
            let violation = SaslInitialResponse::decode(&body).unwrap_err();
            let value = i64::from(length.cast_signed());
            let expected = if value < 0 {
                ViolationKind::IllegalValue { value }
            } else {
                ViolationKind::CutOff
            };
            assert_eq!((violation.field, violation.kind), ("response", expected));
        }
        for length in [0u32, 1, u32::MAX] {
            let body = [&mechanism[..], &length.to_be_bytes(), b"n,,"].concat();
            let violation = SaslInitialResponse::decode(&body).unwrap_err();
            assert_eq!(violation.field, "end");
        }
    }

    #[test]
    fn a_first_response_is_never_shown() {
        let response = Some(&b"canary"[..]);
        let message = SaslInitialResponse {
            mechanism: b"SCRAM-SHA-256",
            response,
        };
        assert!(!format!("{message:?}").contains("canary"));
    }
}
