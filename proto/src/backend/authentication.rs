//! `AuthenticationOk` and the requests for authentication. They share a tag and differ by a code.

use super::tag;
use crate::cursor::Cursor;
use crate::error::EncodeError;
use crate::error::EncodeErrorKind;
use crate::error::Sender;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::writer::Writer;

const NAME: &str = "Authentication";

/// What a server asks of a client that wants in, or that it is in.
///
/// ```text
/// 'R'  length  code (Int32)
///       0  Ok                  5  MD5Password: salt (Byte4)    9  SSPI
///       2  KerberosV5          7  GSS                         10  SASL: mechanisms (Strings), 0
///       3  CleartextPassword   8  GSSContinue: data           11  SASLContinue: data
///                                                             12  SASLFinal: data
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// The client is authenticated.
    Ok,
    /// Kerberos V5 is required; no server asks for it any more.
    KerberosV5,
    /// A password in clear is required.
    CleartextPassword,
    /// An MD5 digest of password, user and salt is required.
    Md5Password {
        /// Random bytes of the server.
        salt: [u8; 4],
    },
    /// GSSAPI is required.
    Gss,
    /// The next message of GSSAPI or SSPI.
    GssContinue {
        /// The message.
        data: &'a [u8],
    },
    /// SSPI is required.
    Sspi,
    /// SASL is required.
    Sasl {
        /// What the server offers, in its order of preference.
        mechanisms: Mechanisms<'a>,
    },
    /// The next message of the SASL mechanism.
    SaslContinue {
        /// The message.
        data: &'a [u8],
    },
    /// The last message of the SASL mechanism; `Ok` follows.
    SaslFinal {
        /// The message.
        data: &'a [u8],
    },
}

impl<'a> Authentication<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If the code is unknown, a field is cut off or bytes follow: the server's fault.
    pub fn decode(body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(Sender::Backend, NAME, body);
        let authentication = match cursor.u32("code")? {
            0 => Self::Ok,
            2 => Self::KerberosV5,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password {
                salt: cursor.u32("salt")?.to_be_bytes(),
            },
            7 => Self::Gss,
            8 => Self::GssContinue {
                data: cursor.rest(),
            },
            9 => Self::Sspi,
            10 => Self::Sasl {
                mechanisms: Mechanisms::decode(&mut cursor)?,
            },
            11 => Self::SaslContinue {
                data: cursor.rest(),
            },
            12 => Self::SaslFinal {
                data: cursor.rest(),
            },
            unknown => {
                let value = i64::from(unknown);
                return Err(cursor.violation("code", ViolationKind::IllegalValue { value }));
            },
        };
        cursor.finish()?;
        Ok(authentication)
    }

    /// Appends the message.
    ///
    /// # Errors
    ///
    /// If it is too long; `buffer` is then unchanged.
    pub fn encode(self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let writer = Writer::tagged(buffer, Sender::Backend, NAME, tag::AUTHENTICATION);
        match self {
            Self::Ok => writer.u32(0),
            Self::KerberosV5 => writer.u32(2),
            Self::CleartextPassword => writer.u32(3),
            Self::Md5Password { salt } => writer.u32(5).bytes(&salt),
            Self::Gss => writer.u32(7),
            Self::GssContinue { data } => writer.u32(8).bytes(data),
            Self::Sspi => writer.u32(9),
            Self::Sasl { mechanisms } => writer.u32(10).bytes(mechanisms.bytes).u8(0),
            Self::SaslContinue { data } => writer.u32(11).bytes(data),
            Self::SaslFinal { data } => writer.u32(12).bytes(data),
        }
        .finish()
    }

    /// Appends an `AuthenticationSASL` that offers these mechanisms, best first.
    ///
    /// # Errors
    ///
    /// If a name is empty or contains a zero byte; `buffer` is then unchanged.
    pub fn encode_sasl(mechanisms: &[&str], buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut writer = Writer::tagged(buffer, Sender::Backend, NAME, tag::AUTHENTICATION).u32(10);
        for mechanism in mechanisms {
            if mechanism.is_empty() {
                let kind = EncodeErrorKind::Empty;
                return Err(EncodeError {
                    message: NAME,
                    field: "mechanism",
                    kind,
                });
            }
            writer = writer.cstr("mechanism", mechanism.as_bytes());
        }
        writer.u8(0).finish()
    }
}

/// Names of SASL mechanisms, none of them empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mechanisms<'a> {
    /// Terminated strings, without the empty one that ends the list.
    bytes: &'a [u8],
}

impl<'a> Mechanisms<'a> {
    /// The names in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes
            .split_inclusive(|&byte| byte == 0)
            .filter_map(|name| name.strip_suffix(b"\0"))
    }

    fn decode(cursor: &mut Cursor<'a>) -> Result<Self, Violation> {
        let mut start = cursor.clone();
        let mut length = 0;
        loop {
            match cursor.cstr("mechanisms")?.len() {
                0 => break,
                name_bytes => length += name_bytes + 1,
            }
        }
        Ok(Self {
            bytes: start.bytes("mechanisms", length)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::round_trip;

    fn encoded(message: Authentication<'_>) -> Vec<u8> {
        let mut buffer = Vec::new();
        message.encode(&mut buffer).unwrap();
        buffer
    }

    #[test]
    fn requests_without_data_come_back_as_they_were_written() {
        let requests = [
            Authentication::Ok,
            Authentication::KerberosV5,
            Authentication::CleartextPassword,
            Authentication::Md5Password { salt: *b"salt" },
            Authentication::Gss,
            Authentication::Sspi,
        ];
        for message in requests {
            let buffer = encoded(message);
            let body = round_trip::body(Sender::Backend, tag::AUTHENTICATION, &buffer);
            assert_eq!(Authentication::decode(body), Ok(message));
            round_trip::only_the_whole_is_accepted(body, |body| {
                Authentication::decode(body).is_ok()
            });
        }
    }

    proptest! {
        #[test]
        fn data_of_a_mechanism_comes_back_as_it_was_written(data in round_trip::data()) {
            let data = &data[..];
            let requests = [
                Authentication::GssContinue { data },
                Authentication::SaslContinue { data },
                Authentication::SaslFinal { data },
            ];
            for message in requests {
                let buffer = encoded(message);
                let body = round_trip::body(Sender::Backend, tag::AUTHENTICATION, &buffer);
                prop_assert_eq!(Authentication::decode(body), Ok(message));
            }
        }
    }

    #[test]
    fn mechanisms_keep_their_order() {
        let offered = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
        let mut buffer = Vec::new();
        Authentication::encode_sasl(&offered, &mut buffer).unwrap();
        let body = round_trip::body(Sender::Backend, tag::AUTHENTICATION, &buffer);
        let message = Authentication::decode(body).unwrap();
        let Authentication::Sasl { mechanisms } = message else {
            panic!("{message:?}")
        };
        let names: Vec<_> = mechanisms.iter().collect();
        assert_eq!(names, offered.map(str::as_bytes));
        assert_eq!(encoded(message), buffer);
        round_trip::only_the_whole_is_accepted(body, |body| Authentication::decode(body).is_ok());
    }

    #[test]
    fn a_mechanism_without_a_name_is_not_offered() {
        let mut buffer = Vec::new();
        Authentication::encode_sasl(&["SCRAM-SHA-256", ""], &mut buffer).unwrap_err();
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_list_of_mechanisms_without_an_end_is_refused() {
        for body in [&b"\0\0\0\x0aSCRAM\0"[..], b"\0\0\0\x0aSCRAM", b"\0\0\0\x0a"] {
            let violation = Authentication::decode(body).unwrap_err();
            assert_eq!(violation.kind, ViolationKind::Unterminated);
        }
    }

    #[test]
    fn an_unknown_code_is_refused() {
        for code in [1, 4, 6, 13, u32::MAX] {
            let violation = Authentication::decode(&code.to_be_bytes()).unwrap_err();
            assert_eq!(
                violation.kind,
                ViolationKind::IllegalValue {
                    value: i64::from(code)
                }
            );
        }
    }
}
