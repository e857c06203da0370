//! Where a server stands in a COPY.
//!
//! During COPY FROM STDIN a server reads messages until `CopyDone` or `CopyFail`, ignores `Flush`
//! and `Sync`, and fails on anything else. After the COPY has ended, well or badly, it ignores
//! `CopyData`, `CopyDone` and `CopyFail`.
//!
//! See "COPY Operations", <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY>,
//! and `CopyGetData` in `PostgreSQL`'s `commands/copyfromparse.c`.

/// A COPY that the server is in the middle of, as far as its replies have told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copy {
    /// None.
    None,
    /// FROM STDIN: what is sent now is read by it.
    In {
        /// At least one `Sync` was sent into it.
        syncs: bool,
    },
    /// FROM STDIN, and what ends it was sent: what is sent now is answered as usual.
    Closing {
        /// At least one `Sync` was sent into it.
        syncs: bool,
        /// What ends it is no `CopyDone` or `CopyFail`, but a message that it fails on.
        by_intruder: bool,
    },
    /// Replication: both sides send `CopyData`.
    Both,
}

impl Copy {
    /// A COPY FROM STDIN that has just begun.
    pub(super) const BEGUN: Self = Self::In { syncs: false };

    pub(super) fn is_in(self) -> bool {
        matches!(self, Self::In { .. })
    }

    /// A `Sync` was sent into it.
    pub(super) fn absorbs_sync(&mut self) {
        if let Self::In { syncs } = self {
            *syncs = true;
        }
    }

    /// Whether a `Sync` was sent into it.
    pub(super) fn has_absorbed_sync(self) -> bool {
        match self {
            Self::In { syncs } | Self::Closing { syncs, .. } => syncs,
            Self::None | Self::Both => false,
        }
    }

    /// `CopyDone` or `CopyFail` was sent.
    pub(super) fn closes(&mut self) {
        if let Self::In { syncs } = *self {
            *self = Self::Closing {
                syncs,
                by_intruder: false,
            };
        }
    }

    /// A message was sent that it fails on.
    pub(super) fn is_intruded(&mut self) {
        if let Self::In { syncs } = *self {
            *self = Self::Closing {
                syncs,
                by_intruder: true,
            };
        }
    }

    /// Whether a server can say now that it is done: it has not, before the end was sent.
    pub(super) fn can_complete(self) -> bool {
        match self {
            Self::None | Self::Both => true,
            Self::In { .. } => false,
            Self::Closing { by_intruder, .. } => !by_intruder,
        }
    }
}
