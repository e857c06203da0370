//! The lines of a backend's messages.

use super::AuthenticationResponse;
use super::frontend::formats;
use super::frontend::values;
use super::line::Line;
use crate::backend::Authentication;
use crate::backend::BackendMessage;
use crate::backend::CopyFormats;
use crate::backend::NegotiateProtocolVersion;
use crate::backend::Report;
use crate::backend::RowDescription;

pub(super) fn message(message: BackendMessage<'_>, line: Line<'_>) {
    match message {
        BackendMessage::Authentication(request) => authentication(request, line),
        BackendMessage::BackendKeyData(data) => {
            line.name("BackendKeyData").id(data.process_id).secret()
        },
        BackendMessage::BindComplete(_) => line.name("BindComplete"),
        BackendMessage::CloseComplete(_) => line.name("CloseComplete"),
        BackendMessage::CommandComplete(complete) => {
            line.name("CommandComplete").string(complete.command)
        },
        BackendMessage::CopyBothResponse(copy) => {
            copy_formats(line.name("CopyBothResponse"), copy.formats)
        },
        BackendMessage::CopyData(copy) => line.name("CopyData").bytes(copy.data),
        BackendMessage::CopyDone(_) => line.name("CopyDone"),
        BackendMessage::CopyInResponse(copy) => {
            copy_formats(line.name("CopyInResponse"), copy.formats)
        },
        BackendMessage::CopyOutResponse(copy) => {
            copy_formats(line.name("CopyOutResponse"), copy.formats)
        },
        BackendMessage::DataRow(row) => values(line.name("DataRow"), row.values),
        BackendMessage::EmptyQueryResponse(_) => line.name("EmptyQueryResponse"),
        BackendMessage::ErrorResponse(error) => report(line.name("ErrorResponse"), error.report),
        BackendMessage::FunctionCallResponse(result) => {
            line.name("FunctionCallResponse").value(result.value)
        },
        BackendMessage::NegotiateProtocolVersion(negotiated) => negotiation(negotiated, line),
        BackendMessage::NoData(_) => line.name("NoData"),
        BackendMessage::NoticeResponse(notice) => {
            report(line.name("NoticeResponse"), notice.report)
        },
        BackendMessage::NotificationResponse(notification) => line
            .name("NotificationResponse")
            .id(notification.process_id)
            .string(notification.channel)
            .string(notification.payload),
        BackendMessage::ParameterDescription(description) => {
            let types = description.parameter_types;
            types.iter().fold(
                line.name("ParameterDescription").count(types.count()),
                Line::id,
            )
        },
        BackendMessage::ParameterStatus(status) => line
            .name("ParameterStatus")
            .string(status.name)
            .string(status.value),
        BackendMessage::ParseComplete(_) => line.name("ParseComplete"),
        BackendMessage::PortalSuspended(_) => line.name("PortalSuspended"),
        BackendMessage::ReadyForQuery(ready) => {
            line.name("ReadyForQuery").byte(ready.status.as_byte())
        },
        BackendMessage::RowDescription(description) => columns(description, line),
    }
    .end();
}

/// What a `p` message will be after this request.
pub(super) const fn response_to(request: Authentication<'_>) -> AuthenticationResponse {
    match request {
        Authentication::CleartextPassword | Authentication::Md5Password { .. } => {
            AuthenticationResponse::Password
        },
        Authentication::Sasl { .. } => AuthenticationResponse::SaslInitial,
        Authentication::SaslContinue { .. } => AuthenticationResponse::Sasl,
        Authentication::Gss | Authentication::GssContinue { .. } | Authentication::Sspi => {
            AuthenticationResponse::Gss
        },
        Authentication::Ok | Authentication::KerberosV5 | Authentication::SaslFinal { .. } => {
            AuthenticationResponse::Unknown
        },
    }
}

fn authentication<'a>(request: Authentication<'_>, line: Line<'a>) -> Line<'a> {
    match request {
        Authentication::Ok => line.name("AuthenticationOk"),
        Authentication::KerberosV5 => line.name("AuthenticationKerberosV5"),
        Authentication::CleartextPassword => line.name("AuthenticationCleartextPassword"),
        Authentication::Md5Password { .. } => line.name("AuthenticationMD5Password"),
        Authentication::Gss => line.name("AuthenticationGSS"),
        Authentication::GssContinue { .. } => line.name("AuthenticationGSSContinue").secret(),
        Authentication::Sspi => line.name("AuthenticationSSPI"),
        Authentication::Sasl { mechanisms } => {
            let line = line.name("AuthenticationSASL");
            // The empty string is the end of the list.
            mechanisms.iter().fold(line, Line::string).string(b"")
        },
        Authentication::SaslContinue { .. } => line.name("AuthenticationSASLContinue").secret(),
        Authentication::SaslFinal { .. } => line.name("AuthenticationSASLFinal").secret(),
    }
}

fn copy_formats<'a>(line: Line<'a>, copy: CopyFormats<'_>) -> Line<'a> {
    formats(line.byte(copy.overall), copy.columns)
}

fn report<'a>(line: Line<'a>, report: Report<'_>) -> Line<'a> {
    let line = report.fields().fold(line, |line, (code, value)| {
        let line = line.byte(code);
        match code {
            b'F' | b'L' | b'R' => line.source_string(value),
            _ => line.string(value),
        }
    });
    // The zero byte is the end of the list.
    line.byte(0)
}

fn negotiation<'a>(negotiated: NegotiateProtocolVersion<'_>, line: Line<'a>) -> Line<'a> {
    let line = line
        .name("NegotiateProtocolVersion")
        .number(negotiated.version.code());
    negotiated
        .options()
        .fold(line.number(negotiated.count()), Line::string)
}

fn columns<'a>(description: RowDescription<'_>, line: Line<'a>) -> Line<'a> {
    let line = line.name("RowDescription").count(description.count());
    description.columns().fold(line, |line, column| {
        line.string(column.name)
            .id(column.table)
            .short(column.attribute)
            .id(column.type_id)
            .short(column.type_size)
            .number(column.type_modifier)
            .short(column.format)
    })
}
