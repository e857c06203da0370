//! The transaction status that every `ReadyForQuery` carries.
//!
//! See "`ReadyForQuery`", <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

/// Where a session stands when a server is ready for the next query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// `I`: not in a transaction block.
    Idle,
    /// `T`: in a transaction block.
    InTransaction,
    /// `E`: in a failed transaction block; only its end is accepted.
    Failed,
}

impl TransactionStatus {
    /// The status that this byte stands for; `None` for any byte but `I`, `T` and `E`.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'I' => Some(Self::Idle),
            b'T' => Some(Self::InTransaction),
            b'E' => Some(Self::Failed),
            _ => None,
        }
    }

    /// The byte on the wire.
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InTransaction => b'T',
            Self::Failed => b'E',
        }
    }
}
