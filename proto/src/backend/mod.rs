//! The messages of a backend: what servers send to Tidegate, and Tidegate to clients. One message
//! a file; decoders borrow from the body and never copy it.
//!
//! See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

mod authentication;
mod backend_key_data;
mod bind_complete;
mod close_complete;
mod command_complete;
mod copy_both_response;
mod copy_data;
mod copy_done;
mod copy_formats;
mod copy_in_response;
mod copy_out_response;
mod data_row;
mod empty_query_response;
mod error_response;
mod function_call_response;
mod message;
mod negotiate_protocol_version;
mod no_data;
mod notice_response;
mod notification_response;
mod parameter_description;
mod parameter_status;
mod parse_complete;
mod portal_suspended;
mod ready_for_query;
mod report;
mod report_text;
mod row_description;
mod severity;
pub mod tag;
mod transaction_status;

pub use authentication::Authentication;
pub use authentication::Mechanisms;
pub use backend_key_data::BackendKeyData;
pub use bind_complete::BindComplete;
pub use close_complete::CloseComplete;
pub use command_complete::CommandComplete;
pub use copy_both_response::CopyBothResponse;
pub use copy_data::CopyData;
pub use copy_done::CopyDone;
pub use copy_formats::CopyFormats;
pub use copy_in_response::CopyInResponse;
pub use copy_out_response::CopyOutResponse;
pub use data_row::DataRow;
pub use empty_query_response::EmptyQueryResponse;
pub use error_response::ErrorResponse;
pub use function_call_response::FunctionCallResponse;
pub use message::BackendMessage;
pub use negotiate_protocol_version::NegotiateProtocolVersion;
pub use no_data::NoData;
pub use notice_response::NoticeResponse;
pub use notification_response::NotificationResponse;
pub use parameter_description::ParameterDescription;
pub use parameter_status::ParameterStatus;
pub use parse_complete::ParseComplete;
pub use portal_suspended::PortalSuspended;
pub use ready_for_query::ReadyForQuery;
pub use report::Report;
pub use report_text::ReportText;
pub use row_description::Column;
pub use row_description::RowDescription;
pub use severity::Severity;
pub use transaction_status::TransactionStatus;
