//! What can be wrong with a SCRAM exchange, and who caused it.
//!
//! No variant carries bytes of a peer or of a secret: an error may go to a log as it is.

use std::fmt;

use crate::fault::Fault;
use crate::sqlstate::SqlState;

/// Why a SCRAM exchange cannot go on.
///
/// A wrong password is not among these: it is [`Verdict::Refused`](super::Verdict::Refused).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScramError {
    /// A message, or the text of a secret, is longer than a limit allows.
    #[error("the {message} is longer than {bytes_max} bytes")]
    TooLong {
        /// The message that is too long.
        message: ScramMessage,
        /// The limit it broke.
        bytes_max: usize,
    },
    /// A message does not follow the grammar.
    #[error("malformed {message}: {defect}")]
    Malformed {
        /// The message that is malformed.
        message: ScramMessage,
        /// What is wrong with it.
        defect: Defect,
    },
    /// The nonce is not the one that this exchange uses.
    #[error("the nonce in the {message} does not match")]
    NonceMismatch {
        /// The message with the foreign nonce.
        message: ScramMessage,
    },
    /// The peer demands an extension (`m=`); none is known.
    #[error("the {message} requires an unsupported SCRAM extension")]
    ExtensionRequired {
        /// The message that demands it.
        message: ScramMessage,
    },
    /// The client wants to act as somebody else.
    #[error("the client uses an authorization identity, but it is not supported")]
    AuthorizationIdentity,
    /// The client chose SCRAM-SHA-256-PLUS and then sent no channel binding.
    #[error("the client selected SCRAM-SHA-256-PLUS without channel binding")]
    ChannelBindingMissing,
    /// The client chose SCRAM-SHA-256 and then sent channel binding.
    #[error("the client selected SCRAM-SHA-256 with channel binding")]
    ChannelBindingUnexpected,
    /// The client wants a channel binding other than `tls-server-end-point`.
    #[error("unsupported SCRAM channel-binding type")]
    ChannelBindingType,
    /// The client can bind and believes that we cannot, though we offered it: somebody in between
    /// took SCRAM-SHA-256-PLUS off the list.
    #[error("the client supports SCRAM channel binding but thinks it was not offered")]
    ChannelBindingDowngrade,
    /// The client saw another certificate than the one we showed.
    #[error("the SCRAM channel binding check failed")]
    ChannelBindingMismatch,
    /// The client chose a mechanism that was not offered.
    #[error("the client selected a SASL mechanism that was not offered")]
    MechanismNotOffered,
    /// The server offers no mechanism that we can use.
    #[error("none of the server's SASL mechanisms is supported")]
    NoMechanism,
    /// The server offers channel binding on a connection that, for us, has no TLS.
    #[error("the server offered SCRAM-SHA-256-PLUS over a connection without TLS")]
    ChannelBindingWithoutTls,
    /// An iteration count of zero, or one above the limit. Refused before the first iteration.
    #[error("the {message} asks for {iterations} iterations, allowed are 1 to {iterations_max}")]
    IterationsRefused {
        /// The message, or the stored secret, with the count.
        message: ScramMessage,
        /// The count it asks for; counts above `u32::MAX` read as `u32::MAX`.
        iterations: u32,
        /// The limit.
        iterations_max: u32,
    },
    /// The server says that our proof is wrong, or that it cannot go on (`e=`).
    #[error("the server refused the SCRAM exchange")]
    ServerRefused,
    /// The server does not know the secret: it is not the server it claims to be, or the password
    /// differs.
    #[error("the server signature is wrong")]
    ServerSignatureMismatch,
}

impl ScramError {
    /// Who caused it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::TooLong { message, .. }
            | Self::Malformed { message, .. }
            | Self::NonceMismatch { message }
            | Self::ExtensionRequired { message }
            | Self::IterationsRefused { message, .. } => message.fault(),
            Self::AuthorizationIdentity
            | Self::ChannelBindingMissing
            | Self::ChannelBindingUnexpected
            | Self::ChannelBindingType
            | Self::ChannelBindingDowngrade
            | Self::ChannelBindingMismatch
            | Self::MechanismNotOffered => Fault::Client,
            Self::NoMechanism
            | Self::ChannelBindingWithoutTls
            | Self::ServerRefused
            | Self::ServerSignatureMismatch => Fault::Server,
        }
    }

    /// What the client is told; for a client's fault the code that `PostgreSQL` gives.
    pub fn sqlstate(&self) -> SqlState {
        match (self, self.fault()) {
            (Self::AuthorizationIdentity | Self::ExtensionRequired { .. }, Fault::Client) => {
                SqlState::FEATURE_NOT_SUPPORTED
            },
            (Self::ChannelBindingDowngrade | Self::ChannelBindingMismatch, _) => {
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            },
            (_, Fault::Client) => SqlState::PROTOCOL_VIOLATION,
            (_, Fault::Server) => SqlState::CONNECTION_FAILURE,
            (_, Fault::Pooler) => SqlState::INTERNAL_ERROR,
        }
    }
}

/// The message, or the stored text, that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScramMessage {
    /// `client-first-message`.
    ClientFirst,
    /// `server-first-message`.
    ServerFirst,
    /// `client-final-message`.
    ClientFinal,
    /// `server-final-message`.
    ServerFinal,
    /// `SCRAM-SHA-256$…`, from a configuration or a lookup.
    StoredSecret,
}

impl ScramMessage {
    fn fault(self) -> Fault {
        match self {
            Self::ClientFirst | Self::ClientFinal => Fault::Client,
            Self::ServerFirst | Self::ServerFinal => Fault::Server,
            Self::StoredSecret => Fault::Pooler,
        }
    }

    /// The error of this message that `defect` makes.
    pub(super) fn malformed(self, defect: Defect) -> ScramError {
        ScramError::Malformed {
            message: self,
            defect,
        }
    }
}

impl fmt::Display for ScramMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientFirst => "client-first-message",
            Self::ServerFirst => "server-first-message",
            Self::ClientFinal => "client-final-message",
            Self::ServerFinal => "server-final-message",
            Self::StoredSecret => "stored SCRAM secret",
        })
    }
}

/// What breaks the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// The attribute that belongs here is not here.
    #[error("attribute {0:?} expected")]
    AttributeExpected(char),
    /// Something that is not `letter=value`.
    #[error("an attribute is not of the form letter=value")]
    NotAnAttribute,
    /// The flag before the first comma is none of `n`, `y`, `p`.
    #[error("unexpected channel-binding flag")]
    ChannelBindingFlag,
    /// A character that a nonce cannot hold, or no character at all.
    #[error("the nonce is empty or holds non-printable characters")]
    Nonce,
    /// The nonce is longer than a limit allows.
    #[error("the nonce is too long")]
    NonceTooLong,
    /// A value is not base64, or not of the length it must have.
    #[error("the value of attribute {0:?} is not valid base64 of the right length")]
    Base64(char),
    /// A number is not a number.
    #[error("the iteration count is not a positive number")]
    Number,
    /// A binding was sent that the flag did not announce.
    #[error("unexpected channel-binding attribute")]
    ChannelBindingAttribute,
    /// More follows where the message has to end.
    #[error("garbage found at the end")]
    TrailingData,
    /// The text does not begin with `SCRAM-SHA-256$`.
    #[error("it is not a SCRAM-SHA-256 secret")]
    Scheme,
    /// The parts of a stored secret are not `iterations:salt$StoredKey:ServerKey`.
    #[error("it does not have the parts iterations:salt$StoredKey:ServerKey")]
    Parts,
}
