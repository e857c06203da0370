//! Step 4: the startup packet. It says who a client is and what it wants, or asks to cancel.
//!
//! Refusals are worded as Postgres 18 words them. Nothing the client says is believed here, and no
//! name in it is looked up.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html>, "Start-up".

use tidegate_proto::backend::NegotiateProtocolVersion;
use tidegate_proto::startup::CancelRequest;
use tidegate_proto::startup::Request;
use tidegate_proto::startup::StartupMessage;

use crate::edge::EdgeError;
use crate::edge::accepted::Secured;
use crate::edge::accepted::Started;
use crate::edge::accepted::Wish;
use crate::edge::cancel_request::CancelArrival;
use crate::edge::cancel_request::SessionKey;
use crate::edge::refusal;
use crate::restrictions::Report;

/// What a client opened with.
pub(super) enum Opening {
    /// It wants in.
    Startup(Started),
    /// It wants to cancel.
    Cancel(CancelArrival),
}

/// Reads the packet.
///
/// # Errors
/// [`EdgeError`]; the connection is closed. Who does not speak Postgres is told nothing.
pub(super) async fn read(secured: Secured) -> Result<Opening, EdgeError> {
    let Secured { mut line, tls } = secured;
    let opening = line.read_opening().await?;
    let request = Request::classify(&opening).map_err(EdgeError::Startup)?;
    match request {
        Some(Request::Startup { length, .. }) => {
            let (packet, outgoing) = line.read_packet(length).await?;
            let wish = match wish(packet, outgoing) {
                Ok(wish) => wish,
                Err(error) => return Err(line.refuse(error).await),
            };
            Ok(Opening::Startup(Started { line, tls, wish }))
        },
        Some(Request::Cancel { length }) => {
            let (packet, _) = line.read_packet(length).await?;
            let request = CancelRequest::decode(packet).map_err(EdgeError::Startup)?;
            let key = SessionKey {
                process_id: request.process_id,
                secret: request.key.as_bytes().into(),
            };
            Ok(Opening::Cancel(CancelArrival { line, key }))
        },
        // TLS within TLS, or behind a refused request.
        Some(Request::DirectTls) | None => Err(EdgeError::TlsOutOfPlace),
        Some(Request::Unsupported { .. } | Request::Ssl | Request::Gssenc) => {
            let [_, _, _, _, a, b, c, d] = opening;
            let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let error = EdgeError::Protocol { major, minor };
            Err(line.refuse(error).await)
        },
    }
}

/// Reads a `StartupMessage`. What its sender must be told of our protocol goes to `outgoing`.
fn wish(packet: &[u8], outgoing: &mut Vec<u8>) -> Result<Wish, EdgeError> {
    let message = StartupMessage::decode(packet).map_err(EdgeError::StartupLayout)?;
    let refused = |report| EdgeError::Refused(Box::new(report));
    let version = message.version.negotiated();
    if version != message.version || message.protocol_options().next().is_some() {
        NegotiateProtocolVersion::encode(version, message.protocol_options(), outgoing)
            .map_err(EdgeError::Encode)?;
    }
    let replication = match message.replication() {
        Ok(replication) => replication,
        Err(value) => return Err(refused(refusal::no_replication_value(value))),
    };
    let parameters = message
        .settings()
        .map(|(name, value)| Ok((text("parameter", name)?, text("parameter", value)?)))
        .collect::<Result<_, _>>()
        .map_err(refused)?;
    let database = message
        .parameter(b"database")
        .filter(|database| !database.is_empty());
    Ok(Wish {
        user: text("user", message.user()).map_err(refused)?,
        database: database
            .map(|database| text("database", database))
            .transpose()
            .map_err(refused)?,
        options: message.options().map(<[u8]>::to_vec),
        replication,
        parameters,
        protocol_minor: if version.has_long_cancel_keys() { 2 } else { 0 },
    })
}

/// Names and values are text here. A server would take any bytes; configurations and logs do not.
fn text(name: &str, value: &[u8]) -> Result<String, Report> {
    match std::str::from_utf8(value) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(refusal::no_text(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_proto::backend::tag;
    use tidegate_proto::startup::ProtocolVersion;

    type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];

    fn read_message(minor: u16, parameters: Pairs<'_>) -> (Result<Wish, EdgeError>, Vec<u8>) {
        let version = ProtocolVersion { major: 3, minor };
        let mut packet = Vec::new();
        StartupMessage::encode(version, parameters.iter().copied(), &mut packet).unwrap();
        let mut outgoing = Vec::new();
        (wish(&packet, &mut outgoing), outgoing)
    }

    #[test]
    fn a_client_of_each_version_is_understood_and_only_the_unknown_is_negotiated() {
        for (minor, kept, negotiated) in
            [(0, 0, false), (1, 0, false), (2, 2, false), (9999, 2, true)]
        {
            let (wish, outgoing) = read_message(minor, &[(b"user", b"app")]);
            assert_eq!(wish.unwrap().protocol_minor, kept);
            assert_eq!(
                outgoing.first() == Some(&tag::NEGOTIATE_PROTOCOL_VERSION),
                negotiated
            );
        }
    }

    #[test]
    fn protocol_options_are_answered_and_go_no_further() {
        let parameters: Pairs<'_> = &[(b"user", b"app"), (b"_pq_.x", b"1"), (b"geqo", b"off")];
        let (wish, outgoing) = read_message(0, parameters);
        let expected = b"v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0";
        assert_eq!(outgoing, expected);
        let parameters = wish.unwrap().parameters;
        assert_eq!(parameters, [("geqo".to_owned(), "off".to_owned())]);
    }

    #[test]
    fn an_empty_database_is_named_like_the_user() {
        let (wish, _) = read_message(0, &[(b"user", b"app"), (b"database", b"")]);
        assert_eq!(wish.unwrap().database, None);
    }

    #[test]
    fn what_is_no_text_and_what_is_no_replication_value_is_refused_in_words() {
        let broken: [Pairs<'_>; 3] = [
            &[(b"user", b"\xff")],
            &[(b"user", b"app"), (b"application_name", b"\xff")],
            &[(b"user", b"app"), (b"replication", b"maybe")],
        ];
        for parameters in broken {
            let (wish, _) = read_message(0, parameters);
            let report = wish.unwrap_err().told().unwrap();
            assert_eq!(report.sqlstate.as_str(), "22023");
        }
    }

    #[test]
    fn a_packet_without_a_user_gets_the_words_of_postgres() {
        let (wish, _) = read_message(0, &[(b"database", b"db")]);
        let report = wish.unwrap_err().told().unwrap();
        assert_eq!(report.sqlstate.as_str(), "28000");
        assert_eq!(
            report.message,
            "no PostgreSQL user name specified in startup packet"
        );
    }
}
