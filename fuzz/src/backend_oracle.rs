//! The second opinion on messages of a backend: `postgres-protocol`, the decoder of
//! `tokio-postgres`. What we accept, it must accept and read alike.
//!
//! Where it is known to differ: it wants UTF-8 in some strings, takes cancel keys of 4 bytes only,
//! and does not know three messages.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ColumnFormats;
use postgres_protocol::message::backend::ErrorFields;
use postgres_protocol::message::backend::Message;
use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::BackendMessage;
use tidegate_proto::backend::CopyFormats;
use tidegate_proto::backend::Report;
use tidegate_proto::backend::RowDescription;

/// Compares what both read of `message`, which was decoded as `ours`.
///
/// # Panics
/// If they differ.
pub fn check(ours: BackendMessage<'_>, message: &[u8]) {
    if is_unknown_there(ours) {
        return;
    }
    let mut buffer = BytesMut::from(message);
    let theirs = Message::parse(&mut buffer)
        .expect("postgres-protocol accepts what we accept")
        .expect("the message is whole");
    assert!(buffer.is_empty());
    check_fields(ours, &theirs);
}

fn is_unknown_there(ours: BackendMessage<'_>) -> bool {
    match ours {
        BackendMessage::BackendKeyData(data) => data.key.as_bytes().len() != 4,
        BackendMessage::CopyBothResponse(_)
        | BackendMessage::FunctionCallResponse(_)
        | BackendMessage::NegotiateProtocolVersion(_) => true,
        _ => false,
    }
}

fn check_fields(ours: BackendMessage<'_>, theirs: &Message) {
    match (ours, theirs) {
        (BackendMessage::Authentication(ours), theirs) => check_authentication(ours, theirs),
        (BackendMessage::BackendKeyData(ours), Message::BackendKeyData(theirs)) => {
            assert_eq!(ours.process_id.cast_signed(), theirs.process_id());
            assert_eq!(ours.key.as_bytes(), theirs.secret_key().to_be_bytes());
        },
        (BackendMessage::CommandComplete(ours), Message::CommandComplete(theirs)) => {
            check_text(ours.command, theirs.tag().ok());
        },
        (BackendMessage::CopyData(ours), Message::CopyData(theirs)) => {
            assert_eq!(ours.data, theirs.data());
        },
        (BackendMessage::CopyInResponse(ours), Message::CopyInResponse(theirs)) => {
            check_formats(ours.formats, theirs.format(), theirs.column_formats());
        },
        (BackendMessage::CopyOutResponse(ours), Message::CopyOutResponse(theirs)) => {
            check_formats(ours.formats, theirs.format(), theirs.column_formats());
        },
        (BackendMessage::DataRow(ours), Message::DataRow(theirs)) => {
            let values = theirs
                .ranges()
                .map(|range| Ok(range.map(|range| &theirs.buffer()[range])));
            let values: Vec<_> = values.collect().expect("as many values, as long");
            assert!(ours.values.iter().eq(values));
        },
        (BackendMessage::ErrorResponse(ours), Message::ErrorResponse(theirs)) => {
            check_report(ours.report, theirs.fields());
        },
        (BackendMessage::NoticeResponse(ours), Message::NoticeResponse(theirs)) => {
            check_report(ours.report, theirs.fields());
        },
        (BackendMessage::NotificationResponse(ours), Message::NotificationResponse(theirs)) => {
            assert_eq!(ours.process_id.cast_signed(), theirs.process_id());
            check_text(ours.channel, theirs.channel().ok());
            check_text(ours.payload, theirs.message().ok());
        },
        (BackendMessage::ParameterDescription(ours), Message::ParameterDescription(theirs)) => {
            let types: Vec<_> = theirs.parameters().collect().expect("as many types");
            assert!(ours.parameter_types.iter().eq(types));
        },
        (BackendMessage::ParameterStatus(ours), Message::ParameterStatus(theirs)) => {
            check_text(ours.name, theirs.name().ok());
            check_text(ours.value, theirs.value().ok());
        },
        (BackendMessage::ReadyForQuery(ours), Message::ReadyForQuery(theirs)) => {
            assert_eq!(ours.status.as_byte(), theirs.status());
        },
        (BackendMessage::RowDescription(ours), theirs) => check_columns(ours, theirs),
        (BackendMessage::BindComplete(_), Message::BindComplete)
        | (BackendMessage::CloseComplete(_), Message::CloseComplete)
        | (BackendMessage::CopyDone(_), Message::CopyDone)
        | (BackendMessage::EmptyQueryResponse(_), Message::EmptyQueryResponse)
        | (BackendMessage::NoData(_), Message::NoData)
        | (BackendMessage::ParseComplete(_), Message::ParseComplete)
        | (BackendMessage::PortalSuspended(_), Message::PortalSuspended) => {},
        (ours, _) => panic!("postgres-protocol reads another message: {ours:?}"),
    }
}

fn check_authentication(ours: Authentication<'_>, theirs: &Message) {
    match (ours, theirs) {
        (Authentication::Ok, Message::AuthenticationOk)
        | (Authentication::KerberosV5, Message::AuthenticationKerberosV5)
        | (Authentication::CleartextPassword, Message::AuthenticationCleartextPassword)
        | (Authentication::Gss, Message::AuthenticationGss)
        | (Authentication::Sspi, Message::AuthenticationSspi) => {},
        (Authentication::Md5Password { salt }, Message::AuthenticationMd5Password(theirs)) => {
            assert_eq!(salt, theirs.salt());
        },
        (Authentication::GssContinue { data }, Message::AuthenticationGssContinue(theirs)) => {
            assert_eq!(data, theirs.data());
        },
        (Authentication::Sasl { mechanisms }, Message::AuthenticationSasl(theirs)) => {
            // It gives up at a name that is not UTF-8.
            if let Ok(names) = theirs
                .mechanisms()
                .map(|name| Ok(name.to_owned()))
                .collect::<Vec<_>>()
            {
                assert!(mechanisms.iter().eq(names.iter().map(String::as_bytes)));
            } else {
                assert!(mechanisms.iter().any(|name| str::from_utf8(name).is_err()));
            }
        },
        (Authentication::SaslContinue { data }, Message::AuthenticationSaslContinue(theirs)) => {
            assert_eq!(data, theirs.data());
        },
        (Authentication::SaslFinal { data }, Message::AuthenticationSaslFinal(theirs)) => {
            assert_eq!(data, theirs.data());
        },
        (ours, _) => panic!("postgres-protocol reads another request: {ours:?}"),
    }
}

fn check_text(ours: &[u8], theirs: Option<&str>) {
    match theirs {
        Some(theirs) => assert_eq!(ours, theirs.as_bytes()),
        None => assert!(str::from_utf8(ours).is_err()),
    }
}

fn check_formats(ours: CopyFormats<'_>, overall: u8, columns: ColumnFormats<'_>) {
    assert_eq!(ours.overall, overall);
    let columns: Vec<_> = columns.collect().expect("as many formats");
    assert!(ours.columns.iter().map(i16::cast_unsigned).eq(columns));
}

fn check_report(ours: Report<'_>, theirs: ErrorFields<'_>) {
    let fields = theirs.map(|field| Ok((field.type_(), field.value_bytes().to_vec())));
    let fields: Vec<_> = fields.collect().expect("as many fields");
    assert!(
        ours.fields()
            .eq(fields.iter().map(|(code, value)| (*code, &value[..])))
    );
}

fn check_columns(ours: RowDescription<'_>, theirs: &Message) {
    let Message::RowDescription(theirs) = theirs else {
        panic!("postgres-protocol reads another message: {ours:?}");
    };
    let mut fields = theirs.fields();
    for ours in ours.columns() {
        let Ok(theirs) = fields.next() else {
            assert!(str::from_utf8(ours.name).is_err());
            return;
        };
        let theirs = theirs.expect("as many columns");
        assert_eq!(ours.name, theirs.name().as_bytes());
        assert_eq!(
            (ours.table, ours.attribute),
            (theirs.table_oid(), theirs.column_id())
        );
        assert_eq!(
            (ours.type_id, ours.type_size),
            (theirs.type_oid(), theirs.type_size())
        );
        assert_eq!(ours.type_modifier, theirs.type_modifier());
        assert_eq!(ours.format, theirs.format());
    }
    assert!(fields.next().expect("nothing is left").is_none());
}
