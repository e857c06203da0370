//! `StartupMessage`: who a client is, which database it wants, and with which settings. Read as a
//! server reads it: the last of two equal names counts, and nothing may be missing at the end.
//!
//! See "`StartupMessage`", <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::ops::Range;

use super::ProtocolVersion;
use super::Replication;
use crate::error::EncodeError;
use crate::error::EncodeErrorKind;
use crate::error::Violation;
use crate::error::ViolationKind;
use crate::limits::STARTUP_BYTES_MAX;
use crate::writer::Writer;

const NAME: &str = "StartupMessage";

/// Names that begin so are options of the protocol, not settings of the server.
const PROTOCOL_OPTION: &[u8] = b"_pq_.";

/// What is no setting of the session, and asked for by each login.
const KNOWN: [&[u8]; 4] = [b"user", b"database", b"options", b"replication"];

/// What a client says first.
///
/// ```text
/// length (Int32)   version (Int32)   any number of ( name (String), not empty   value (String) )   0
/// ```
///
/// It holds one copy of the bytes received, at most [`STARTUP_BYTES_MAX`], however many parameters
/// are in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupMessage {
    /// The version asked for.
    pub version: ProtocolVersion,
    /// Names and values in turn, each terminated, without the 0 that ends the list; `decode` has
    /// walked them.
    parameters: Box<[u8]>,
    /// Where in `parameters` the last value of each of [`KNOWN`] is.
    known: [Option<Range<usize>>; KNOWN.len()],
}

impl StartupMessage {
    /// Reads a whole message, from its length on.
    ///
    /// # Errors
    ///
    /// If its length is not the number of bytes, its major version is not 3, a name has no value,
    /// or the list does not end with the message: the client's fault. [`ViolationKind::NoUser`] if
    /// there is no `user` or an empty one.
    pub fn decode(message: &[u8]) -> Result<Self, Violation> {
        let mut cursor = super::cursor(NAME, message)?;
        let code = cursor.u32("version")?;
        let version = ProtocolVersion::from_code(code);
        if version.code() != code || version.major != ProtocolVersion::LATEST.major {
            let kind = ViolationKind::IllegalValue {
                value: i64::from(code),
            };
            return Err(cursor.violation("version", kind));
        }
        let mut start = cursor.clone();
        let (mut length, mut known) = (0, KNOWN.map(|_| None));
        loop {
            let name = cursor.cstr("parameter name")?;
            if name.is_empty() {
                break;
            }
            let value = length + name.len() + 1;
            let value = value..value + cursor.cstr("parameter value")?.len();
            length = value.end + 1;
            let mut places = KNOWN.iter().zip(&mut known);
            if let Some((_, place)) = places.find(|(known, _)| **known == name) {
                *place = Some(value);
            }
        }
        let end = cursor.clone();
        cursor.finish()?;
        let parameters = start.bytes("parameters", length)?.into();
        let message = Self {
            version,
            parameters,
            known,
        };
        if message.user().is_empty() {
            return Err(end.violation("user", ViolationKind::NoUser));
        }
        Ok(message)
    }

    /// The user, never empty.
    pub fn user(&self) -> &[u8] {
        self.parameter(b"user").unwrap_or_default()
    }

    /// The database; if there is none or an empty one, it has the user's name.
    pub fn database(&self) -> &[u8] {
        match self.parameter(b"database") {
            None | Some(b"") => self.user(),
            Some(database) => database,
        }
    }

    /// The switches for the server; [`super::Switches`] takes them apart.
    pub fn options(&self) -> Option<&[u8]> {
        self.parameter(b"options")
    }

    /// Whether the client wants to replicate.
    ///
    /// # Errors
    ///
    /// The value, if it is none that a server understands; it answers `22023`.
    pub fn replication(&self) -> Result<Replication, &[u8]> {
        let Some(value) = self.parameter(b"replication") else {
            return Ok(Replication::None);
        };
        Replication::from_value(value).ok_or(value)
    }

    /// The value of one parameter: the last one with exactly this name.
    pub fn parameter(&self, name: &[u8]) -> Option<&[u8]> {
        let mut known = KNOWN.iter().zip(&self.known);
        if let Some((_, place)) = known.find(|(known, _)| **known == name) {
            return self.parameters.get(place.clone()?);
        }
        let mut last = None;
        for (found, value) in self.parameters() {
            if found == name {
                last = Some(value);
            }
        }
        last
    }

    /// Every parameter in the order received, equal names included.
    pub fn parameters(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        let mut strings = self.parameters.split(|&byte| byte == 0);
        std::iter::from_fn(move || Some((strings.next()?, strings.next()?)))
    }

    /// The settings of the session: every parameter but `user`, `database`, `options`,
    /// `replication` and the protocol options, in the order in which they take effect. A later one
    /// overrides an earlier one.
    pub fn settings(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.parameters()
            .filter(|(name, _)| !KNOWN.contains(name) && !name.starts_with(PROTOCOL_OPTION))
    }

    /// The names of the protocol options (`_pq_.…`) asked for. Tidegate knows none, so all of them
    /// go into a `NegotiateProtocolVersion`.
    pub fn protocol_options(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.parameters()
            .map(|(name, _)| name)
            .filter(|name| name.starts_with(PROTOCOL_OPTION))
    }

    /// Appends a message with these parameters.
    ///
    /// # Errors
    ///
    /// If a name is empty, a string contains a zero byte, or the whole is longer than servers
    /// accept; `buffer` is then unchanged.
    pub fn encode<'a>(
        version: ProtocolVersion,
        parameters: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut writer = Writer::untagged(buffer, NAME, STARTUP_BYTES_MAX).u32(version.code());
        for (name, value) in parameters {
            if name.is_empty() {
                let (field, kind) = ("parameter name", EncodeErrorKind::Empty);
                return Err(EncodeError {
                    message: NAME,
                    field,
                    kind,
                });
            }
            writer = writer
                .cstr("parameter name", name)
                .cstr("parameter value", value);
        }
        writer.u8(0).finish()
    }
}
