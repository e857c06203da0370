//! Where a connection comes from: everything that was learned before its first Postgres byte.
//!
//! It is made once, when the PROXY header has been read (or none is due), and never changes.

use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_proto::proxy::PrivateEndpoint;

use crate::tenancy::ClientAddress;
use crate::tenancy::PeerAddress;

/// The origin of one connection. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Kind);

/// Of many idle clients each has one: what only a header tells takes memory only where there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Direct(PeerAddress),
    Proxied(Arc<Proxied>),
}

#[derive(Debug, PartialEq, Eq)]
struct Proxied {
    peer: PeerAddress,
    client: ClientAddress,
    private_endpoint: Option<PrivateEndpoint>,
    unique_id: Option<Box<[u8]>>,
}

impl Origin {
    /// A connection on a listener without PROXY: the client is the peer.
    pub const fn direct(peer: PeerAddress) -> Self {
        Self(Kind::Direct(peer))
    }

    /// A connection whose PROXY header names a client. The peer must be a trusted proxy; a header
    /// that names none (LOCAL, UNKNOWN) makes no origin, and reaches no tenant.
    pub fn proxied(
        peer: PeerAddress,
        source: SocketAddr,
        private_endpoint: Option<PrivateEndpoint>,
        unique_id: Option<Box<[u8]>>,
    ) -> Self {
        Self(Kind::Proxied(Arc::new(Proxied {
            peer,
            client: ClientAddress::from_proxy_source(source),
            private_endpoint,
            unique_id,
        })))
    }

    /// The other end of the socket, for privileges.
    pub fn peer(&self) -> PeerAddress {
        match &self.0 {
            Kind::Direct(peer) => *peer,
            Kind::Proxied(proxied) => proxied.peer,
        }
    }

    /// The client, for restrictions.
    pub fn client(&self) -> ClientAddress {
        match &self.0 {
            Kind::Direct(peer) => (*peer).into(),
            Kind::Proxied(proxied) => proxied.client,
        }
    }

    /// Whether a PROXY header named the client.
    pub const fn is_proxied(&self) -> bool {
        matches!(self.0, Kind::Proxied(_))
    }

    /// The cloud's private endpoint through which the connection came.
    pub fn private_endpoint(&self) -> Option<&PrivateEndpoint> {
        self.header()?.private_endpoint.as_ref()
    }

    /// The balancer's id of the connection: opaque bytes, with which its log names it, too.
    pub fn unique_id(&self) -> Option<&[u8]> {
        self.header()?.unique_id.as_deref()
    }

    fn header(&self) -> Option<&Proxied> {
        match &self.0 {
            Kind::Direct(_) => None,
            Kind::Proxied(proxied) => Some(proxied),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_header_the_client_is_the_peer() {
        let peer = PeerAddress::from_socket("[::ffff:192.0.2.1]:7".parse().unwrap());
        let origin = Origin::direct(peer);
        assert_eq!(origin.client(), ClientAddress::from(peer));
        assert!(!origin.is_proxied());
    }

    #[test]
    fn a_loopback_source_in_a_header_does_not_make_the_peer_local() {
        let peer = PeerAddress::from_socket("10.0.0.1:7".parse().unwrap());
        let origin = Origin::proxied(peer, "127.0.0.1:1".parse().unwrap(), None, None);
        assert!(!origin.peer().is_local());
        assert_eq!(origin.client().host().to_string(), "127.0.0.1");
    }
}
