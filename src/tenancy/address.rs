//! The two addresses of a connection, as two types that cannot be mixed up.
//!
//! Both are canonical from the moment they exist: an IPv4-mapped IPv6 address *is* the IPv4 address,
//! so that no list can be evaded by writing an address differently. Nothing else in the program may
//! build one from parts.

use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;

use crate::tenancy::AddressPrefix;

/// The other end of the socket. Privileges are decided by it: trusted proxies, console, trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerAddress(End);

/// The client's address: from the PROXY header of a trusted peer, else the peer's own. Restrictions
/// are decided by it, and privileges never: a header can restrict, not grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(End);

/// What the kernel says about the process at the other end of a unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct UnixPeer {
    /// The process, where the platform tells.
    pub process_id: Option<i32>,
    /// The effective user, where the platform tells.
    pub user_id: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum End {
    /// Invariant: the address is canonical.
    Ip {
        address: IpAddr,
        port: u16,
    },
    Unix(UnixPeer),
}

impl PeerAddress {
    /// The peer of a TCP socket. On a dual-stack listener an IPv4 peer comes as a mapped address.
    pub fn from_socket(address: SocketAddr) -> Self {
        Self(End::canonical(address))
    }

    /// The peer of a unix socket.
    pub const fn from_unix(peer: UnixPeer) -> Self {
        Self(End::Unix(peer))
    }

    /// The IP address; `None` on a unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.ip()
    }

    /// The process at the other end of a unix socket.
    pub const fn unix(&self) -> Option<UnixPeer> {
        match self.0 {
            End::Ip { .. } => None,
            End::Unix(peer) => Some(peer),
        }
    }

    /// Whether the peer is on this machine: a unix socket, or a loopback address.
    pub fn is_local(&self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }
}

impl ClientAddress {
    /// The source address of the PROXY header that a trusted peer sent.
    pub fn from_proxy_source(source: SocketAddr) -> Self {
        Self(End::canonical(source))
    }

    /// The IP address; `None` on a unix socket without PROXY.
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.ip()
    }

    /// The port; 0 on a unix socket.
    pub const fn port(&self) -> u16 {
        match self.0 {
            End::Ip { port, .. } => port,
            End::Unix(_) => 0,
        }
    }

    /// What this client is counted by: the IPv4 address, or the IPv6 /64.
    pub fn prefix(&self) -> AddressPrefix {
        AddressPrefix::of(*self)
    }

    /// The address without the port, as a client is told it: `203.0.113.7`, `2001:db8::7`, or
    /// `a unix socket`.
    pub fn host(&self) -> impl fmt::Display + use<> {
        Host(self.0)
    }
}

impl From<PeerAddress> for ClientAddress {
    /// Without a PROXY header the client is the peer.
    fn from(peer: PeerAddress) -> Self {
        Self(peer.0)
    }
}

impl End {
    fn canonical(address: SocketAddr) -> Self {
        // Flow label and scope of an IPv6 socket address do not identify a client.
        Self::Ip {
            address: address.ip().to_canonical(),
            port: address.port(),
        }
    }

    fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip { address, .. } => Some(address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip { address, port } => SocketAddr::new(*address, *port).fmt(formatter),
            Self::Unix(UnixPeer { process_id, .. }) => match process_id {
                Some(process_id) => write!(formatter, "unix({process_id})"),
                None => formatter.write_str("unix"),
            },
        }
    }
}

impl fmt::Display for PeerAddress {
    /// `203.0.113.7:5432`, `[2001:db8::7]:5432`, `unix(pid)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for ClientAddress {
    /// `203.0.113.7:5432`, `[2001:db8::7]:5432`, `unix(pid)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

struct Host(End);

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            End::Ip { address, .. } => address.fmt(formatter),
            End::Unix(_) => formatter.write_str("a unix socket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let mapped: SocketAddr = "[::ffff:203.0.113.7]:5432".parse().unwrap();
        let plain: SocketAddr = "203.0.113.7:5432".parse().unwrap();
        assert_eq!(
            PeerAddress::from_socket(mapped),
            PeerAddress::from_socket(plain)
        );
        assert_eq!(
            ClientAddress::from_proxy_source(mapped),
            ClientAddress::from_proxy_source(plain)
        );
        assert_eq!(
            PeerAddress::from_socket(mapped).to_string(),
            "203.0.113.7:5432"
        );
    }

    #[test]
    fn the_ipv6_loopback_stays_ipv6_and_is_local() {
        let peer = PeerAddress::from_socket("[::1]:1".parse().unwrap());
        assert_eq!(peer.ip(), Some("::1".parse().unwrap()));
        assert!(peer.is_local());
    }

    #[test]
    fn a_mapped_loopback_and_a_unix_socket_are_local_and_others_are_not() {
        assert!(PeerAddress::from_socket("[::ffff:127.0.0.9]:1".parse().unwrap()).is_local());
        assert!(PeerAddress::from_unix(UnixPeer::default()).is_local());
        assert!(!PeerAddress::from_socket("0.0.0.0:1".parse().unwrap()).is_local());
        assert!(!PeerAddress::from_socket("[fe80::1]:1".parse().unwrap()).is_local());
    }

    #[test]
    fn addresses_print_for_logs_and_for_clients() {
        let client = ClientAddress::from_proxy_source("[2001:db8::7]:99".parse().unwrap());
        assert_eq!(client.to_string(), "[2001:db8::7]:99");
        assert_eq!(client.host().to_string(), "2001:db8::7");
        let unix = PeerAddress::from_unix(UnixPeer {
            process_id: Some(42),
            user_id: Some(1000),
        });
        assert_eq!(unix.to_string(), "unix(42)");
        let client = ClientAddress::from(unix);
        assert_eq!((client.ip(), client.port()), (None, 0));
        assert_eq!(client.host().to_string(), "a unix socket");
    }

    proptest! {
        #[test]
        fn no_client_address_is_ever_mapped(bits: u128, v4: u32, port: u16) {
            let addresses = [
                IpAddr::from(bits.to_be_bytes()),
                IpAddr::from(Ipv4Addr::from(v4).to_ipv6_mapped()),
            ];
            for address in addresses {
                let client = ClientAddress::from_proxy_source(SocketAddr::new(address, port));
                let ip = client.ip().unwrap();
                prop_assert_eq!(ip, ip.to_canonical());
            }
        }
    }
}
