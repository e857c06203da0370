//! What can go wrong in a program of the benchmark. Any of it makes its figures worthless.

use std::io;

use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Violation;
use tidegate_proto::scram::ScramError;

/// Why a program of the benchmark ends without a figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RigError {
    /// The system refused something.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The other side said no.
    #[error("refused: {0}")]
    Refused(String),
    /// The other side closed the connection, after saying this, if anything.
    #[error("the connection was closed{}", .0.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Closed(Option<String>),
    /// An answer that is not the right one: worse than a slow one.
    #[error("wrong answer: {0}")]
    WrongAnswer(String),
    /// It takes too long.
    #[error("{0} did not happen in time")]
    Late(String),
    /// Bytes that are no message.
    #[error(transparent)]
    Protocol(#[from] Violation),
    /// A message that cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// SCRAM failed.
    #[error("SCRAM: {0:?}")]
    Scram(ScramError),
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(String),
}

impl RigError {
    /// What was tried when the system said no, for `map_err`.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}
