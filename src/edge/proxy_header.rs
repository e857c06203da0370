//! Step 2: who is really calling. On a listener with `proxy_protocol`, every connection begins with
//! exactly one PROXY header, from a trusted proxy; on others, none is looked for.
//!
//! The peer is judged before a byte is read, a bad header is answered by closing, without a byte,
//! and what follows the header goes on to the next step unread.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use ipnet::IpNet;
use tidegate_proto::proxy;
use tidegate_proto::proxy::Command;
use tidegate_proto::proxy::Header;
use tidegate_proto::proxy::Progress;
use tidegate_proto::proxy::Versions;
use tokio::io::AsyncReadExt as _;

use crate::config::Listener;
use crate::config::ProxyProtocol;
use crate::edge::EdgeError;
use crate::edge::accepted::Introduced;
use crate::edge::deadline::Deadline;
use crate::edge::listener::Accepted;
use crate::limits::EDGE_BUFFER_BYTES;
use crate::net::Transport;
use crate::tenancy::Origin;
use crate::tenancy::PeerAddress;

/// Learns the origin of a connection.
///
/// # Errors
/// [`EdgeError`]: the peer is no trusted proxy, the header is not one, or it names no client. The
/// connection was closed without a byte.
pub(super) async fn read(
    accepted: Accepted,
    listener: &Listener,
    deadline: Deadline,
) -> Result<Introduced, EdgeError> {
    let Accepted {
        mut transport,
        peer,
        at,
        ..
    } = accepted;
    let Some(versions) = versions(listener.proxy_protocol) else {
        return Ok(Introduced {
            transport,
            origin: Origin::direct(peer),
            deadline,
        });
    };
    if !is_trusted(peer, &listener.trusted_proxies) {
        return Err(EdgeError::ProxyUntrusted);
    }
    let header_deadline = deadline.or_after(at, listener.proxy_header_timeout);
    let received = header_deadline
        .within(receive(&mut transport, versions))
        .await
        .map_err(|_late| EdgeError::ProxyLate)??;
    Ok(Introduced {
        transport: transport.replaying(&received.rest),
        origin: origin(peer, received.header)?,
        deadline,
    })
}

struct Received {
    header: Header,
    /// What came with it: the client's first bytes.
    rest: Vec<u8>,
}

async fn receive(transport: &mut Transport, versions: Versions) -> Result<Received, EdgeError> {
    let mut buffer = Vec::with_capacity(EDGE_BUFFER_BYTES);
    loop {
        // The buffer never fills up without an answer: `parse` asks for more only below its limit.
        let read = transport
            .read_buf(&mut buffer)
            .await
            .map_err(EdgeError::Io)?;
        if read == 0 {
            return Err(if buffer.is_empty() {
                EdgeError::Nothing
            } else {
                EdgeError::ProxyCutOff
            });
        }
        match proxy::parse(&buffer, versions).map_err(EdgeError::ProxyHeader)? {
            Progress::NeedMore => {},
            Progress::Header { header, consumed } => {
                let rest = buffer.split_off(consumed.min(buffer.len()));
                return Ok(Received { header, rest });
            },
        }
    }
}

fn origin(peer: PeerAddress, header: Header) -> Result<Origin, EdgeError> {
    match header.command {
        Command::Proxy { source, .. } => Ok(Origin::proxied(
            peer,
            source,
            header.tlvs.private_endpoint,
            header.tlvs.unique_id,
        )),
        Command::Local => Err(EdgeError::ProxyLocal),
        Command::Unknown => Err(EdgeError::ProxyUnknown),
    }
}

const fn versions(policy: ProxyProtocol) -> Option<Versions> {
    match policy {
        ProxyProtocol::Off => None,
        ProxyProtocol::V1 => Some(Versions::V1),
        ProxyProtocol::V2 => Some(Versions::V2),
        ProxyProtocol::V1AndV2 => Some(Versions::V1AndV2),
    }
}

/// Whether a peer may say who is calling. The peer's address is canonical, and so are the networks.
/// A unix socket's peer is one that the socket's permissions let in.
fn is_trusted(peer: PeerAddress, trusted: &[IpNet]) -> bool {
    peer.ip()
        .is_none_or(|ip| trusted.iter().any(|network| network.contains(&ip)))
}
