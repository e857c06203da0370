//! `CopyData`: a piece of the data of a COPY, or of replication.

use super::tag;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::writer::Writer;

const NAME: &str = "CopyData";

/// Any bytes. A server sends one row a message, but the protocol does not promise it.
///
/// ```text
/// 'd'  length  data
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyData<'a> {
    /// The piece.
    pub data: &'a [u8],
}

impl<'a> CopyData<'a> {
    /// Takes a body, which can be anything.
    pub const fn decode(body: &'a [u8]) -> Self {
        Self { data: body }
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If it is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Backend, NAME, tag::COPY_DATA)
            .bytes(self.data)
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
        fn copy_data_comes_back_as_it_was_written(data in round_trip::data()) {
            let message = CopyData { data: &data };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::COPY_DATA, &buffer);
            prop_assert_eq!(CopyData::decode(body), message);
        }
    }
}
