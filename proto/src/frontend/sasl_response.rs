//! `SASLResponse`: a further message of the client's mechanism. Never shown: its `Debug` is empty.

use std::fmt;

use super::tag;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::writer::Writer;

const NAME: &str = "SASLResponse";

/// Answers `AuthenticationSASLContinue`.
///
/// ```text
/// 'p'  length  response
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslResponse<'a> {
    /// The mechanism's message, which has no terminator.
    pub response: &'a [u8],
}

impl<'a> SaslResponse<'a> {
    /// Takes a body, which only the mechanism can judge.
    pub const fn decode(body: &'a [u8]) -> Self {
        Self { response: body }
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If it is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Frontend, NAME, tag::PASSWORD)
            .bytes(self.response)
            .finish()
    }
}

impl fmt::Debug for SaslResponse<'_> {
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
        fn a_response_comes_back_as_it_was_written(response in round_trip::data()) {
            let message = SaslResponse { response: &response };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::PASSWORD, &buffer);
            prop_assert_eq!(SaslResponse::decode(body), message);
        }
    }

    #[test]
    fn a_response_is_never_shown() {
        assert_eq!(
            format!(
                "{:?}",
                SaslResponse {
                    response: b"canary"
                }
            ),
            "SASLResponse { .. }"
        );
    }
}
