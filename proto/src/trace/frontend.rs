//! The lines of a frontend's messages.

use super::AuthenticationResponse;
use super::line::Line;
use crate::error::Violation;
use crate::fields::Formats;
use crate::fields::Values;
use crate::frontend::FrontendMessage;
use crate::frontend::PasswordMessage;
use crate::frontend::SaslInitialResponse;

pub(super) fn message(message: FrontendMessage<'_>, line: Line<'_>) -> Result<(), Violation> {
    match message {
        FrontendMessage::Bind(bind) => {
            let arguments = bind.arguments()?;
            let line = line.name("Bind").string(bind.portal).string(bind.statement);
            let line = formats(line, arguments.parameter_formats);
            formats(values(line, arguments.parameters), arguments.result_formats)
        },
        FrontendMessage::Close(close) => line
            .name("Close")
            .byte(close.target.kind())
            .string(close.target.name()),
        FrontendMessage::CopyData(copy) => line.name("CopyData").bytes(copy.data),
        FrontendMessage::CopyDone(_) => line.name("CopyDone"),
        FrontendMessage::CopyFail(fail) => line.name("CopyFail").string(fail.reason),
        FrontendMessage::Describe(describe) => line
            .name("Describe")
            .byte(describe.target.kind())
            .string(describe.target.name()),
        FrontendMessage::Execute(execute) => line
            .name("Execute")
            .string(execute.portal)
            .number(execute.row_limit),
        FrontendMessage::Flush(_) => line.name("Flush"),
        FrontendMessage::FunctionCall(call) => {
            let line = formats(
                line.name("FunctionCall").id(call.function),
                call.argument_formats,
            );
            values(line, call.arguments).short(call.result_format)
        },
        FrontendMessage::Parse(parse) => {
            let line = line
                .name("Parse")
                .string(parse.statement)
                .string(parse.query);
            parse
                .parameter_types
                .iter()
                .fold(line.count(parse.parameter_types.count()), Line::id)
        },
        FrontendMessage::Password(_) => line.name("UnknownAuthenticationResponse"),
        FrontendMessage::Query(query) => line.name("Query").string(query.query),
        FrontendMessage::Sync(_) => line.name("Sync"),
        FrontendMessage::Terminate(_) => line.name("Terminate"),
    }
    .end();
    Ok(())
}

/// A `p` message, which is what was asked for.
pub(super) fn authentication(
    awaited: AuthenticationResponse,
    body: &[u8],
    line: Line<'_>,
) -> Result<(), Violation> {
    match awaited {
        AuthenticationResponse::Password => {
            PasswordMessage::decode(body)?;
            line.name("PasswordMessage").string(b"SSSS")
        },
        AuthenticationResponse::SaslInitial => {
            let initial = SaslInitialResponse::decode(body)?;
            let line = line.name("SASLInitialResponse").string(initial.mechanism);
            match initial.response {
                None => line.number(-1),
                Some(response) => line.length(response).secret(),
            }
        },
        AuthenticationResponse::Sasl => line.name("SASLResponse").secret(),
        AuthenticationResponse::Gss => line.name("GSSResponse").secret(),
        AuthenticationResponse::Unknown => line.name("UnknownAuthenticationResponse"),
    }
    .end();
    Ok(())
}

pub(super) fn formats<'a>(line: Line<'a>, formats: Formats<'_>) -> Line<'a> {
    formats
        .iter()
        .fold(line.count(formats.count()), Line::short)
}

pub(super) fn values<'a>(line: Line<'a>, values: Values<'_>) -> Line<'a> {
    values.iter().fold(line.count(values.count()), Line::value)
}
