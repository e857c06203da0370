//! Any message of a backend, by its tag. For those who read whole messages: a login to a server,
//! transcripts, tests. A relay looks at tags and decodes only what it must.

use super::Authentication;
use super::BackendKeyData;
use super::BindComplete;
use super::CloseComplete;
use super::CommandComplete;
use super::CopyBothResponse;
use super::CopyData;
use super::CopyDone;
use super::CopyInResponse;
use super::CopyOutResponse;
use super::DataRow;
use super::EmptyQueryResponse;
use super::ErrorResponse;
use super::FunctionCallResponse;
use super::NegotiateProtocolVersion;
use super::NoData;
use super::NoticeResponse;
use super::NotificationResponse;
use super::ParameterDescription;
use super::ParameterStatus;
use super::ParseComplete;
use super::PortalSuspended;
use super::ReadyForQuery;
use super::RowDescription;
use super::tag;
use crate::error::Sender;
use crate::error::Violation;
use crate::frame::Frame;

/// One message of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendMessage<'a> {
    /// See [`Authentication`].
    Authentication(Authentication<'a>),
    /// See [`BackendKeyData`].
    BackendKeyData(BackendKeyData<'a>),
    /// See [`BindComplete`].
    BindComplete(BindComplete),
    /// See [`CloseComplete`].
    CloseComplete(CloseComplete),
    /// See [`CommandComplete`].
    CommandComplete(CommandComplete<'a>),
    /// See [`CopyBothResponse`].
    CopyBothResponse(CopyBothResponse<'a>),
    /// See [`CopyData`].
    CopyData(CopyData<'a>),
    /// See [`CopyDone`].
    CopyDone(CopyDone),
    /// See [`CopyInResponse`].
    CopyInResponse(CopyInResponse<'a>),
    /// See [`CopyOutResponse`].
    CopyOutResponse(CopyOutResponse<'a>),
    /// See [`DataRow`].
    DataRow(DataRow<'a>),
    /// See [`EmptyQueryResponse`].
    EmptyQueryResponse(EmptyQueryResponse),
    /// See [`ErrorResponse`].
    ErrorResponse(ErrorResponse<'a>),
    /// See [`FunctionCallResponse`].
    FunctionCallResponse(FunctionCallResponse<'a>),
    /// See [`NegotiateProtocolVersion`].
    NegotiateProtocolVersion(NegotiateProtocolVersion<'a>),
    /// See [`NoData`].
    NoData(NoData),
    /// See [`NoticeResponse`].
    NoticeResponse(NoticeResponse<'a>),
    /// See [`NotificationResponse`].
    NotificationResponse(NotificationResponse<'a>),
    /// See [`ParameterDescription`].
    ParameterDescription(ParameterDescription<'a>),
    /// See [`ParameterStatus`].
    ParameterStatus(ParameterStatus<'a>),
    /// See [`ParseComplete`].
    ParseComplete(ParseComplete),
    /// See [`PortalSuspended`].
    PortalSuspended(PortalSuspended),
    /// See [`ReadyForQuery`].
    ReadyForQuery(ReadyForQuery),
    /// See [`RowDescription`].
    RowDescription(RowDescription<'a>),
}

impl<'a> BackendMessage<'a> {
    /// Reads a message that was split off by [`Frame::split`].
    ///
    /// # Errors
    ///
    /// If its tag is unknown or its body is not what the tag says: the server's fault.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Violation> {
        let body = frame.body;
        Ok(match frame.header.tag() {
            tag::AUTHENTICATION => Self::Authentication(Authentication::decode(body)?),
            tag::BACKEND_KEY_DATA => Self::BackendKeyData(BackendKeyData::decode(body)?),
            tag::BIND_COMPLETE => Self::BindComplete(BindComplete::decode(body)?),
            tag::CLOSE_COMPLETE => Self::CloseComplete(CloseComplete::decode(body)?),
            tag::COMMAND_COMPLETE => Self::CommandComplete(CommandComplete::decode(body)?),
            tag::COPY_BOTH_RESPONSE => Self::CopyBothResponse(CopyBothResponse::decode(body)?),
            tag::COPY_DATA => Self::CopyData(CopyData::decode(body)),
            tag::COPY_DONE => Self::CopyDone(CopyDone::decode(body)?),
            tag::COPY_IN_RESPONSE => Self::CopyInResponse(CopyInResponse::decode(body)?),
            tag::COPY_OUT_RESPONSE => Self::CopyOutResponse(CopyOutResponse::decode(body)?),
            tag::DATA_ROW => Self::DataRow(DataRow::decode(body)?),
            tag::EMPTY_QUERY_RESPONSE => {
                Self::EmptyQueryResponse(EmptyQueryResponse::decode(body)?)
            },
            tag::ERROR_RESPONSE => Self::ErrorResponse(ErrorResponse::decode(body)?),
            tag::FUNCTION_CALL_RESPONSE => {
                Self::FunctionCallResponse(FunctionCallResponse::decode(body)?)
            },
            tag::NEGOTIATE_PROTOCOL_VERSION => {
                Self::NegotiateProtocolVersion(NegotiateProtocolVersion::decode(body)?)
            },
            tag::NO_DATA => Self::NoData(NoData::decode(body)?),
            tag::NOTICE_RESPONSE => Self::NoticeResponse(NoticeResponse::decode(body)?),
            tag::NOTIFICATION_RESPONSE => {
                Self::NotificationResponse(NotificationResponse::decode(body)?)
            },
            tag::PARAMETER_DESCRIPTION => {
                Self::ParameterDescription(ParameterDescription::decode(body)?)
            },
            tag::PARAMETER_STATUS => Self::ParameterStatus(ParameterStatus::decode(body)?),
            tag::PARSE_COMPLETE => Self::ParseComplete(ParseComplete::decode(body)?),
            tag::PORTAL_SUSPENDED => Self::PortalSuspended(PortalSuspended::decode(body)?),
            tag::READY_FOR_QUERY => Self::ReadyForQuery(ReadyForQuery::decode(body)?),
            tag::ROW_DESCRIPTION => Self::RowDescription(RowDescription::decode(body)?),
            unknown => return Err(Violation::out_of_place(Sender::Backend, unknown)),
        })
    }
}
