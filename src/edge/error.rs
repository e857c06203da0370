//! Why a connection ends before it becomes a session: facts, with who is at fault, which counter
//! goes up, and what the client is told.

use std::io;

use tidegate_proto::error::EncodeError;
use tidegate_proto::error::Violation;
use tidegate_proto::fault::Fault;
use tidegate_proto::proxy::ProxyError;

use crate::auth::AuthError;
use crate::edge::deadline::Late;
use crate::edge::refusal;
use crate::edge::secret_store::LookupError;
use crate::edge::tls::HandshakeError;
use crate::restrictions::Denial;
use crate::restrictions::Report;
use crate::telemetry::RefusalReason;

/// Why a login came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The connection was closed before it sent anything: a probe, most likely.
    #[error("closed without a byte")]
    Nothing,
    /// A PROXY header without a client: a balancer's health check.
    #[error("a balancer's own connection")]
    ProxyLocal,
    /// The peer is not among `trusted_proxies`.
    #[error("the peer is not a trusted proxy")]
    ProxyUntrusted,
    /// The header is none that the listener accepts.
    #[error("the PROXY header was refused")]
    ProxyHeader(#[source] ProxyError),
    /// The connection ended within the header.
    #[error("the PROXY header was cut off")]
    ProxyCutOff,
    /// The header did not come in time.
    #[error("the PROXY header took too long")]
    ProxyLate,
    /// The header names no client whose address could be checked.
    #[error("the PROXY header names no address")]
    ProxyUnknown,
    /// The connection broke, or was closed in the middle of a message.
    #[error("the connection broke")]
    Io(#[source] io::Error),
    /// The deadline passed.
    #[error("the deadline passed")]
    Late(#[source] Late),
    /// The TLS handshake failed.
    #[error("TLS could not be established")]
    Handshake(#[source] HandshakeError),
    /// Bytes stood behind a request for encryption, which may have been injected.
    #[error("plaintext stood behind a request for encryption")]
    PlaintextBehindRequest,
    /// Direct TLS on a listener without TLS.
    #[error("TLS began on a listener without it")]
    TlsNotOffered,
    /// TLS began behind a request that was refused.
    #[error("TLS began out of place")]
    TlsOutOfPlace,
    /// What came first is no startup packet.
    #[error("the startup packet is malformed")]
    Startup(#[source] Violation),
    /// A startup message without its parts.
    #[error("the startup message is malformed")]
    StartupLayout(#[source] Violation),
    /// What is asked for cannot be had; the words say so.
    #[error("{}", .0.message)]
    Refused(Box<Report>),
    /// The protocol's major version is not 3. Asked for in the words of version 2, it is answered in
    /// them.
    #[error("the protocol {major}.{minor} is not spoken")]
    Protocol {
        /// The major version asked for.
        major: u16,
        /// The minor version asked for.
        minor: u16,
    },
    /// The client may not enter.
    #[error("the client was not admitted")]
    Denied(#[source] Box<Denial>),
    /// The authentication broke off. A wrong proof is no error of this kind, but a denial.
    #[error("the authentication broke off")]
    Authentication(#[source] AuthError),
    /// The secret of the user could not be looked up.
    #[error("the secret could not be looked up")]
    Lookup(#[source] LookupError),
    /// A message of ours cannot be written.
    #[error("a message could not be written")]
    Encode(#[source] EncodeError),
    /// The tenant serves no such database.
    #[error("the tenant has no such database")]
    NoDatabase(Box<str>),
}

impl EdgeError {
    /// What is counted; `None` if nobody was refused.
    pub fn reason(&self) -> Option<RefusalReason> {
        Some(match self {
            // A client may leave at any time; psql does when it has to ask for a password first.
            Self::Nothing | Self::ProxyLocal | Self::Io(_) => return None,
            Self::ProxyUntrusted => RefusalReason::ProxyUntrusted,
            Self::ProxyHeader(_) | Self::ProxyCutOff | Self::ProxyLate | Self::ProxyUnknown => {
                RefusalReason::ProxyHeader
            },
            Self::Late(_) => RefusalReason::LoginTimeout,
            Self::Handshake(_)
            | Self::PlaintextBehindRequest
            | Self::TlsNotOffered
            | Self::TlsOutOfPlace => RefusalReason::Tls,
            Self::Startup(_)
            | Self::StartupLayout(_)
            | Self::Refused(_)
            | Self::Protocol { .. } => RefusalReason::Startup,
            Self::Denied(denial) => denial.reason(),
            Self::Authentication(_) | Self::Lookup(_) | Self::Encode(_) => {
                RefusalReason::Authentication
            },
            Self::NoDatabase(_) => RefusalReason::Database,
        })
    }

    /// Who caused it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Denied(denial) => denial.fault(),
            Self::Authentication(error) => error.fault(),
            Self::Lookup(_) => Fault::Server,
            Self::Encode(error) => error.fault(),
            Self::Nothing
            | Self::ProxyLocal
            | Self::ProxyUntrusted
            | Self::ProxyHeader(_)
            | Self::ProxyCutOff
            | Self::ProxyLate
            | Self::ProxyUnknown
            | Self::Io(_)
            | Self::Late(_)
            | Self::Handshake(_)
            | Self::PlaintextBehindRequest
            | Self::TlsNotOffered
            | Self::TlsOutOfPlace
            | Self::Startup(_)
            | Self::StartupLayout(_)
            | Self::Refused(_)
            | Self::Protocol { .. }
            | Self::NoDatabase(_) => Fault::Client,
        }
    }

    /// What the client is told; `None` if nothing: it may not speak Postgres, it may be gone, or it
    /// is nobody that an answer is due to.
    pub(super) fn told(&self) -> Option<Report> {
        Some(match self {
            Self::Late(_) => refusal::timed_out(),
            Self::Refused(report) => (**report).clone(),
            Self::StartupLayout(violation) => refusal::startup_layout(violation),
            Self::Protocol { major, minor } => refusal::protocol(*major, *minor),
            Self::NoDatabase(database) => refusal::no_database(database),
            // The name matters only to errors that are told as denials.
            Self::Authentication(error) => refusal::brief(error.sqlstate(), error.message_for("")),
            Self::Lookup(_) => refusal::lookup_failed(),
            Self::Nothing
            | Self::ProxyLocal
            | Self::ProxyUntrusted
            | Self::ProxyHeader(_)
            | Self::ProxyCutOff
            | Self::ProxyLate
            | Self::ProxyUnknown
            | Self::Io(_)
            | Self::Handshake(_)
            | Self::PlaintextBehindRequest
            | Self::TlsNotOffered
            | Self::TlsOutOfPlace
            | Self::Startup(_)
            | Self::Encode(_)
            | Self::Denied(_) => return None,
        })
    }
}
