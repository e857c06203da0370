//! What a ledger is made of: messages whose replies are owed, and whose they are.

/// Whose message it was, and so whose reply it will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The client's: the reply is forwarded.
    Client,
    /// Injected by the pooler: the reply is swallowed.
    Pooler,
    /// Injected by the pooler among the client's messages, for those that follow to succeed: the
    /// reply is swallowed, but an error is the client's.
    Behalf,
}

/// What to do with a message from a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the client as it came.
    Forward,
    /// It answers something the pooler injected: the client never sees it.
    Swallow,
}

/// What came of a marked message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The server carried it out.
    Done,
    /// The server answered it with an error.
    Failed,
    /// The server discarded it, after an error in a message before it.
    Skipped,
}

/// The message an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Query,
    FunctionCall,
    Sync,
    /// `CopyDone` or `CopyFail`: owed no reply, but it ends the copy that reaches it.
    CopyEnd,
}

/// One message whose reply is owed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) awaited: Awaited,
    pub(super) owner: Owner,
    /// Somebody wants to know what came of it.
    pub(super) is_marked: bool,
}

impl Awaited {
    /// It is answered by what a command comes to: rows, a COPY, a tag.
    #[inline]
    pub(super) fn is_command(self) -> bool {
        matches!(self, Self::Query | Self::Execute)
    }

    /// It is answered by `ReadyForQuery`, after whatever else answers it.
    pub(super) fn is_ended_by_ready(self) -> bool {
        matches!(self, Self::Query | Self::FunctionCall | Self::Sync)
    }

    /// It belongs to the extended protocol: if it fails, all is discarded until the next `Sync`.
    pub(super) fn is_extended(self) -> bool {
        match self {
            Self::Parse | Self::Bind | Self::Describe | Self::Execute | Self::Close => true,
            Self::Query | Self::FunctionCall | Self::Sync | Self::CopyEnd => false,
        }
    }
}

impl Entry {
    /// What to do with a message that answers it.
    pub(super) fn verdict(self) -> Verdict {
        match self.owner {
            Owner::Client => Verdict::Forward,
            Owner::Pooler | Owner::Behalf => Verdict::Swallow,
        }
    }

    /// What to do with an error that answers it, and with what a server says while it works on it.
    pub(super) fn verdict_aside(self) -> Verdict {
        match self.owner {
            Owner::Client | Owner::Behalf => Verdict::Forward,
            Owner::Pooler => Verdict::Swallow,
        }
    }
}
