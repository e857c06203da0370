//! The lines of the messages that open a connection.

use super::line::Line;
use crate::error::Violation;
use crate::startup::CancelRequest;
use crate::startup::ProtocolVersion;
use crate::startup::Request;
use crate::startup::StartupMessage;

pub(super) fn opening(message: &[u8], line: Line<'_>) {
    match Request::classify(message) {
        Ok(Some(Request::DirectTls)) => line.name("TLS").end(),
        Ok(Some(Request::Ssl)) => version(line.name("SSLRequest"), SPECIAL, 5679).end(),
        Ok(Some(Request::Gssenc)) => version(line.name("GSSENCRequest"), SPECIAL, 5680).end(),
        Ok(Some(Request::Cancel { .. })) => cancel(CancelRequest::decode(message), line),
        Ok(Some(Request::Startup { .. })) => startup(StartupMessage::decode(message), line),
        Ok(Some(Request::Unsupported {
            version: ProtocolVersion { major, minor },
        })) => {
            version(line.name("Unknown"), major, minor).end();
        },
        Ok(None) => line.name("Incomplete").end(),
        Err(violation) => line.malformed(violation),
    }
}

/// The major version of the codes that are not versions.
const SPECIAL: u16 = 1234;

fn version(line: Line<'_>, major: u16, minor: u16) -> Line<'_> {
    line.number(major).number(minor)
}

fn cancel(request: Result<CancelRequest<'_>, Violation>, line: Line<'_>) {
    match request {
        Ok(cancel) => {
            let line = version(line.name("CancelRequest"), SPECIAL, 5678);
            line.id(cancel.process_id).secret().end();
        },
        Err(violation) => line.malformed(violation),
    }
}

fn startup(message: Result<StartupMessage, Violation>, line: Line<'_>) {
    match message {
        Ok(startup) => {
            let ProtocolVersion { major, minor } = startup.version;
            let line = version(line.name("StartupMessage"), major, minor);
            let line = startup
                .parameters()
                .fold(line, |line, (name, value)| line.string(name).string(value));
            line.end();
        },
        Err(violation) => line.malformed(violation),
    }
}
