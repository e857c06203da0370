//! `NegotiateProtocolVersion`: what a server does not speak of what a startup message asked for.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::EncodeErrorKind;
use crate::error::Sender;
use crate::error::Violation;
use crate::startup::ProtocolVersion;
use crate::writer::Writer;

const NAME: &str = "NegotiateProtocolVersion";

/// Comes before any other answer to a startup message that asks for a newer minor version or for
/// protocol options (`_pq_.…`) that the server does not know. The client goes on or gives up.
///
/// ```text
/// 'v'  length  version (Int32)  count (Int32)  count × option (String)
/// ```
///
/// The spec calls the first field the newest minor version; servers have always sent the whole
/// version, and libpq reads it so. [`ProtocolVersion::from_code`] takes either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiateProtocolVersion<'a> {
    /// The newest version, up to the one asked for, that the server speaks.
    pub version: ProtocolVersion,
    count: u32,
    /// Exactly `count` terminated strings: `decode` has walked them.
    options: &'a [u8],
}

impl<'a> NegotiateProtocolVersion<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If a name is cut off or bytes follow the last one: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let version = ProtocolVersion::from_code(cursor.u32("version")?);
        let count = cursor.u32("option count")?;
        let options = cursor.clone().rest();
        // A name takes at least its terminator, so a count that lies ends the walk at once.
        for _ in 0..count {
            cursor.cstr("option")?;
        }
        cursor.finish()?;
        Ok(Self {
            version,
            count,
            options,
        })
    }

    /// How many options there are.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The names of the options that the server does not know.
    pub fn options(self) -> impl Iterator<Item = &'a [u8]> {
        self.options
            .split_inclusive(|&byte| byte == 0)
            .filter_map(|name| name.strip_suffix(b"\0"))
    }

    /// Appends a message with these options.
    ///
    /// # Errors
    ///
    /// If a name contains a zero byte or the whole is too long; `buffer` is then unchanged.
    pub fn encode<'b>(
        version: ProtocolVersion,
        options: impl Iterator<Item = &'b [u8]> + Clone,
        buffer: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let count = options.clone().count();
        let count = u32::try_from(count).map_err(|_out_of_range| EncodeError {
            message: NAME,
            field: "options",
            kind: EncodeErrorKind::TooMany {
                count,
                count_max: u32::MAX as usize,
            },
        })?;
        let mut writer = Writer::tagged(
            buffer,
            Sender::Backend,
            NAME,
            tag::NEGOTIATE_PROTOCOL_VERSION,
        )
        .u32(version.code())
        .u32(count);
        for option in options {
            writer = writer.cstr("option", option);
        }
        writer.finish()
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
        fn a_negotiation_comes_back_as_it_was_written(
            minor: u16,
            options in proptest::collection::vec(round_trip::string(), 0..4),
        ) {
            let version = ProtocolVersion { major: 3, minor };
            let mut buffer = Vec::new();
            let names = options.iter().map(Vec::as_slice);
            NegotiateProtocolVersion::encode(version, names.clone(), &mut buffer).unwrap();
            let body = round_trip::body(Sender::Backend, tag::NEGOTIATE_PROTOCOL_VERSION, &buffer);
            let message = NegotiateProtocolVersion::decode(body).unwrap();
            prop_assert_eq!(message.version, version);
            prop_assert_eq!(message.count() as usize, options.len());
            prop_assert!(message.options().eq(names));
            round_trip::only_the_whole_is_accepted(body, |body| {
                NegotiateProtocolVersion::decode(body).is_ok()
            });
        }
    }

    #[test]
    fn a_version_that_is_only_its_minor_number_is_understood() {
        let message = NegotiateProtocolVersion::decode(b"\0\0\0\x02\0\0\0\0").unwrap();
        assert_eq!(message.version, ProtocolVersion::V3_2);
    }

    #[test]
    fn a_count_that_lies_is_refused_at_once() {
        let violation = NegotiateProtocolVersion::decode(b"\0\x03\0\0\xff\xff\xff\xffa\0");
        assert_eq!(violation.unwrap_err().kind, ViolationKind::Unterminated);
    }
}
