//! Any message of a frontend, by its tag. For those who read whole messages: transcripts, tests,
//! the console. A relay looks at tags and decodes only what it must.

use super::Bind;
use super::Close;
use super::CopyData;
use super::CopyDone;
use super::CopyFail;
use super::Describe;
use super::Execute;
use super::Flush;
use super::FunctionCall;
use super::Parse;
use super::Query;
use super::Sync;
use super::Terminate;
use super::tag;
use crate::error::Sender;
use crate::error::Violation;
use crate::frame::Frame;

/// One message of a frontend after the startup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontendMessage<'a> {
    /// See [`Bind`].
    Bind(Bind<'a>),
    /// See [`Close`].
    Close(Close<'a>),
    /// See [`CopyData`].
    CopyData(CopyData<'a>),
    /// See [`CopyDone`].
    CopyDone(CopyDone),
    /// See [`CopyFail`].
    CopyFail(CopyFail<'a>),
    /// See [`Describe`].
    Describe(Describe<'a>),
    /// See [`Execute`].
    Execute(Execute<'a>),
    /// See [`Flush`].
    Flush(Flush),
    /// See [`FunctionCall`].
    FunctionCall(FunctionCall<'a>),
    /// See [`Parse`].
    Parse(Parse<'a>),
    /// A `PasswordMessage`, `SASLInitialResponse`, `SASLResponse` or `GSSResponse`: only who asked
    /// knows which, and decodes the body with it.
    Password(Unread<'a>),
    /// See [`Query`].
    Query(Query<'a>),
    /// See [`Sync`].
    Sync(Sync),
    /// See [`Terminate`].
    Terminate(Terminate),
}

/// A body that holds a secret and is not read yet. Its `Debug` is empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unread<'a>(pub &'a [u8]);

impl std::fmt::Debug for Unread<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Unread").finish_non_exhaustive()
    }
}

impl<'a> FrontendMessage<'a> {
    /// Reads a message that was split off by [`Frame::split`].
    ///
    /// # Errors
    ///
    /// If its tag is unknown or its body is not what the tag says: the client's fault.
    pub fn decode(frame: Frame<'a>) -> Result<Self, Violation> {
        let body = frame.body;
        Ok(match frame.header.tag() {
            tag::BIND => Self::Bind(Bind::decode(body)?),
            tag::CLOSE => Self::Close(Close::decode(body)?),
            tag::COPY_DATA => Self::CopyData(CopyData::decode(body)),
            tag::COPY_DONE => Self::CopyDone(CopyDone::decode(body)?),
            tag::COPY_FAIL => Self::CopyFail(CopyFail::decode(body)?),
            tag::DESCRIBE => Self::Describe(Describe::decode(body)?),
            tag::EXECUTE => Self::Execute(Execute::decode(body)?),
            tag::FLUSH => Self::Flush(Flush::decode(body)?),
            tag::FUNCTION_CALL => Self::FunctionCall(FunctionCall::decode(body)?),
            tag::PARSE => Self::Parse(Parse::decode(body)?),
            tag::PASSWORD => Self::Password(Unread(body)),
            tag::QUERY => Self::Query(Query::decode(body)?),
            tag::SYNC => Self::Sync(Sync::decode(body)?),
            tag::TERMINATE => Self::Terminate(Terminate::decode(body)?),
            unknown => return Err(Violation::out_of_place(Sender::Frontend, unknown)),
        })
    }
}
