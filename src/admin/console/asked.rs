//! A message that waits to be answered: what is needed of it, since its bytes go with the next one.

use tidegate_proto::error::Sender;
use tidegate_proto::error::Violation;
use tidegate_proto::frontend::FrontendMessage;
use tidegate_proto::frontend::Target;
use tidegate_proto::frontend::tag;

/// What an operator asks for with one message.
pub(super) enum Asked {
    /// A command.
    Query(Vec<u8>),
    /// A step of the extended protocol.
    Extended(Extended),
    /// To send what there is.
    Flush,
    /// The end of a pipeline.
    Sync,
    /// Something that the console has not.
    FunctionCall,
    /// The end.
    Terminate,
    /// `CopyData` and its like: a server ignores them outside of a copy.
    Ignored,
}

/// A step of the extended protocol.
pub(super) enum Extended {
    /// To keep a command under a name.
    Parse { statement: Vec<u8>, query: Vec<u8> },
    /// To make a portal of a statement.
    Bind {
        portal: Vec<u8>,
        statement: Vec<u8>,
        /// The codes for the columns, as they were sent.
        formats: Vec<i16>,
        /// How many parameters were given.
        parameters: usize,
    },
    /// What a statement shows.
    DescribeStatement(Vec<u8>),
    /// What a portal shows.
    DescribePortal(Vec<u8>),
    /// To run a portal; zero or less is no limit.
    Execute { portal: Vec<u8>, row_limit: i32 },
    /// To forget a statement.
    CloseStatement(Vec<u8>),
    /// To forget a portal.
    ClosePortal(Vec<u8>),
}

impl Asked {
    /// What a message asks for.
    ///
    /// # Errors
    /// [`Violation`]: the operator's driver broke the protocol.
    pub(super) fn of(message: FrontendMessage<'_>) -> Result<Self, Violation> {
        Ok(match message {
            FrontendMessage::Query(query) => Self::Query(query.query.to_vec()),
            FrontendMessage::Parse(parse) => {
                let statement = parse.statement.to_vec();
                let query = parse.query.to_vec();
                Self::Extended(Extended::Parse { statement, query })
            },
            FrontendMessage::Bind(bind) => {
                let arguments = bind.arguments()?;
                Self::Extended(Extended::Bind {
                    portal: bind.portal.to_vec(),
                    statement: bind.statement.to_vec(),
                    formats: arguments.result_formats.iter().collect(),
                    parameters: arguments.parameters.count(),
                })
            },
            FrontendMessage::Describe(describe) => match describe.target {
                Target::Statement(name) => {
                    Self::Extended(Extended::DescribeStatement(name.to_vec()))
                },
                Target::Portal(name) => Self::Extended(Extended::DescribePortal(name.to_vec())),
            },
            FrontendMessage::Execute(execute) => {
                let portal = execute.portal.to_vec();
                let row_limit = execute.row_limit;
                Self::Extended(Extended::Execute { portal, row_limit })
            },
            FrontendMessage::Close(close) => match close.target {
                Target::Statement(name) => Self::Extended(Extended::CloseStatement(name.to_vec())),
                Target::Portal(name) => Self::Extended(Extended::ClosePortal(name.to_vec())),
            },
            FrontendMessage::Flush(_) => Self::Flush,
            FrontendMessage::Sync(_) => Self::Sync,
            FrontendMessage::FunctionCall(_) => Self::FunctionCall,
            FrontendMessage::Terminate(_) => Self::Terminate,
            FrontendMessage::CopyData(_)
            | FrontendMessage::CopyDone(_)
            | FrontendMessage::CopyFail(_) => Self::Ignored,
            FrontendMessage::Password(_) => {
                return Err(Violation::out_of_place(Sender::Frontend, tag::PASSWORD));
            },
        })
    }
}
