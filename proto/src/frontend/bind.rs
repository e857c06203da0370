//! `Bind`: gives a statement its parameters and makes a portal of it. The parameters may be large,
//! so the two names can be read and replaced without touching, or having, what follows them.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::Sender;
use crate::error::Violation;
use crate::fields::Formats;
use crate::fields::Values;
use crate::writer::Writer;

const NAME: &str = "Bind";

/// Creates a portal; empty names are the unnamed portal and statement.
///
/// ```text
/// 'B'  length  portal (String)  statement (String)
///      rest:  count (Int16)  count × parameter format (Int16)
///             count (Int16)  count × ( length (Int32), -1 for null   parameter )
///             count (Int16)  count × result format (Int16)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The portal it makes.
    pub portal: &'a [u8],
    /// The statement it is made of.
    pub statement: &'a [u8],
    /// Everything after the names, unread; [`Bind::arguments`] reads it. It starts
    /// `portal.len() + statement.len() + 2` bytes into the body.
    pub rest: &'a [u8],
}

/// What a [`Bind`] says after its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arguments<'a> {
    /// None: all text. One: for all. Otherwise one each.
    pub parameter_formats: Formats<'a>,
    /// The parameters in order.
    pub parameters: Values<'a>,
    /// None: all text. One: for all. Otherwise one for each column.
    pub result_formats: Formats<'a>,
}

impl<'a> Bind<'a> {
    /// Reads the names of a body, or of as much of a body as both names fit in.
    ///
    /// # Errors
    ///
    /// If a name has no terminator: the client's fault if `body` is whole, otherwise more of it is
    /// needed.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, body);
        let portal = cursor.cstr("portal")?;
        let statement = cursor.cstr("statement")?;
        Ok(Self {
            portal,
            statement,
            rest: cursor.rest(),
        })
    }

    /// Reads what follows the names, which must be there to the end.
    ///
    /// # Errors
    ///
    /// If a field is cut off or bytes follow the last one: the client's fault.
    pub fn arguments(self) -> Result<Arguments<'a>, Violation> {
        let mut cursor = Cursor::new(Sender::Frontend, NAME, self.rest);
        let parameter_formats = Formats::decode(&mut cursor, "parameter formats")?;
        let parameters = Values::decode(&mut cursor, "parameters")?;
        let result_formats = Formats::decode(&mut cursor, "result formats")?;
        cursor.finish()?;
        Ok(Arguments {
            parameter_formats,
            parameters,
            result_formats,
        })
    }

    /// Appends the message, whose `rest` must be whole.
    ///
    /// # Errors
    ///
    /// If a name contains a zero byte or the whole is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        Writer::tagged(buffer, Sender::Frontend, NAME, tag::BIND)
            .cstr("portal", self.portal)
            .cstr("statement", self.statement)
            .bytes(self.rest)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ViolationKind;
    use crate::round_trip;

    const REST: &[u8] = b"\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x03abc\0\x02\0\0\0\x01";

    proptest! {
        #[test]
        fn a_bind_comes_back_as_it_was_written(
            portal in round_trip::string(),
            statement in round_trip::string(),
            rest in round_trip::data(),
        ) {
            let message = Bind { portal: &portal, statement: &statement, rest: &rest };
            let mut buffer = Vec::new();
            message.encode(&mut buffer).unwrap();
            let body = round_trip::body(Sender::Frontend, tag::BIND, &buffer);
            prop_assert_eq!(Bind::decode(body), Ok(message));
            let rest_at = portal.len() + statement.len() + 2;
            prop_assert_eq!(&body[rest_at..], &rest[..]);
            for cut in 0..rest_at {
                prop_assert!(Bind::decode(&body[..cut]).is_err());
            }
        }
    }

    #[test]
    fn the_names_are_read_before_the_parameters_arrive() {
        let bind = Bind::decode(b"portal\0statement\0").unwrap();
        assert_eq!(
            (bind.portal, bind.statement),
            (&b"portal"[..], &b"statement"[..])
        );
    }

    #[test]
    fn the_arguments_are_read_whole_or_not_at_all() {
        let bind = |rest| Bind {
            portal: b"",
            statement: b"",
            rest,
        };
        let arguments = bind(REST).arguments().unwrap();
        assert_eq!(arguments.parameter_formats.iter().collect::<Vec<_>>(), [1]);
        assert_eq!(
            arguments.parameters.iter().collect::<Vec<_>>(),
            [None, Some(&b"abc"[..])]
        );
        assert_eq!(arguments.result_formats.iter().collect::<Vec<_>>(), [0, 1]);
        round_trip::only_the_whole_is_accepted(REST, |rest| {
            Bind {
                portal: b"",
                statement: b"",
                rest,
            }
            .arguments()
            .is_ok()
        });
    }

    #[test]
    fn a_parameter_longer_than_the_message_is_refused() {
        for length in [5u32, (1 << 31) - 1] {
            let rest = [b"\0\0\0\x01", &length.to_be_bytes()[..], b"abc\0"].concat();
            let bind = Bind {
                portal: b"",
                statement: b"",
                rest: &rest,
            };
            assert_eq!(bind.arguments().unwrap_err().kind, ViolationKind::CutOff);
        }
    }
}
