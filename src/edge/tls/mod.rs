//! Step 3: TLS towards clients.
//!
//! The certificate is chosen by the client's SNI, and which it was is remembered, so that what a
//! SCRAM proof is bound to is known. Nothing here depends on a process-wide default: the cryptography is
//! aws-lc-rs by name. No session is ever resumed: a resumed one would skip the client's certificate.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html>, "SSL Session Encryption".

mod certificate;
mod choice;
mod error;
mod front;
mod server_names;

use tidegate_proto::scram::ChannelBindingData;

pub use error::HandshakeError;
pub use error::TlsError;
pub(super) use front::TlsFront;

use crate::auth;
use crate::net::ClientTls;
use crate::net::Socket;
use crate::net::Transport;

/// The one application protocol that is spoken here, as ALPN names it.
pub(super) const ALPN_POSTGRESQL: &[u8] = b"postgresql";

/// What a handshake established.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsFacts {
    /// The server name that the client asked for.
    pub server_name: Option<Box<str>>,
    /// What a proof is bound to; `None` if the certificate's signature names no hash.
    pub binding: Option<ChannelBindingData>,
    /// Whose certificate the client showed, by its common name; it was verified.
    pub(super) client_name: Option<Box<str>>,
}

/// Whether the client must have asked for `postgresql` by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpn {
    /// After an `SSLRequest` it may say nothing; asking for something else is refused.
    Optional,
    /// Direct TLS: it must, lest a protocol that knows nothing of ours be led here (ALPACA).
    Required,
}

/// Does the server's part of the handshake.
///
/// # Errors
/// [`HandshakeError`]: the client's fault, nearly always. The connection is gone, the client was
/// sent a TLS alert.
pub(super) async fn accept(
    front: &TlsFront,
    transport: Transport,
    alpn: Alpn,
) -> Result<(Socket, TlsFacts), HandshakeError> {
    let (config, choice) = front.begin();
    let stream = ClientTls::accept(transport, config)
        .await
        .map_err(HandshakeError::from_io)?;

    let agreed = stream.agreed();
    if alpn == Alpn::Required && agreed.alpn_protocol() != Some(ALPN_POSTGRESQL) {
        return Err(HandshakeError::NoAlpn);
    }
    let facts = TlsFacts {
        server_name: choice.server_name().map(Box::from),
        binding: choice.certificate().binding().cloned(),
        client_name: match agreed.peer_certificates() {
            Some([own, ..]) => auth::common_name(own),
            Some([]) | None => None,
        },
    };
    Ok((Socket::ClientTls(stream), facts))
}
