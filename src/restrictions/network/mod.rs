//! From where a tenant's clients may come: its networks and its private endpoints.
//!
//! It sees the client's address, never the peer's, so that the balancer's own address can neither
//! open nor close a tenant.

use std::net::IpAddr;

use ipnet::IpNet;
use tidegate_proto::proxy::PrivateEndpoint;

use crate::config;
use crate::restrictions::address_ranges::AddressRanges;
use crate::tenancy::ClientAddress;

/// One tenant's list, compiled.
///
/// - Networks: without `allow` every address may connect, with an empty one none, else those that
///   an entry holds. An address that an entry of `deny` holds may not, whatever `allow` says. A
///   client on a unix socket has no address: it passes only where `allow` is not given.
/// - Private endpoints: without a list they change nothing. With one, even an empty one, a
///   connection that carries an id passes exactly if the pair of cloud and id is listed, whatever
///   its address; a connection without an id goes by its address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkRestriction {
    allow: Option<AddressRanges>,
    deny: AddressRanges,
    private_endpoints: Option<Box<[PrivateEndpoint]>>,
}

/// Whether a client may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Verdict {
    /// It may.
    Admitted,
    /// It may not. The reason is for the tenant, not for the client.
    Refused(NetworkRefusal),
}

/// What refused a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NetworkRefusal {
    /// An entry of `deny` holds the address.
    #[error("the address is denied")]
    AddressDenied,
    /// No entry of `allow` holds the address.
    #[error("the address is not allowed")]
    AddressNotAllowed,
    /// The private endpoint is not listed.
    #[error("the private endpoint is not listed")]
    EndpointNotListed,
}

impl From<&config::Network> for NetworkRestriction {
    fn from(network: &config::Network) -> Self {
        Self::new(
            network.allow.as_deref(),
            &network.deny,
            network.private_endpoints.as_deref(),
        )
    }
}

impl NetworkRestriction {
    /// Compiles the lists of a configuration; `None` is "not given".
    pub fn new(
        allow: Option<&[IpNet]>,
        deny: &[IpNet],
        private_endpoints: Option<&[PrivateEndpoint]>,
    ) -> Self {
        let private_endpoints = private_endpoints.map(|listed| {
            let mut listed = listed.to_vec();
            listed.sort_unstable();
            listed.dedup();
            listed.into_boxed_slice()
        });
        Self {
            allow: allow.map(AddressRanges::of),
            deny: AddressRanges::of(deny),
            private_endpoints,
        }
    }

    /// Decides about a client that came through this private endpoint, if any.
    pub fn admits(&self, client: ClientAddress, endpoint: Option<&PrivateEndpoint>) -> Verdict {
        match (&self.private_endpoints, endpoint) {
            (Some(listed), Some(endpoint)) => match listed.binary_search(endpoint) {
                Ok(_) => Verdict::Admitted,
                Err(_) => Verdict::Refused(NetworkRefusal::EndpointNotListed),
            },
            (None, _) | (_, None) => self.admits_address(client.ip()),
        }
    }

    fn admits_address(&self, address: Option<IpAddr>) -> Verdict {
        if address.is_some_and(|address| self.deny.contains(address)) {
            return Verdict::Refused(NetworkRefusal::AddressDenied);
        }
        let is_allowed = self
            .allow
            .as_ref()
            .is_none_or(|allow| address.is_some_and(|address| allow.contains(address)));
        if is_allowed {
            Verdict::Admitted
        } else {
            Verdict::Refused(NetworkRefusal::AddressNotAllowed)
        }
    }
}

impl Verdict {
    /// Whether the client may connect.
    pub const fn is_admitted(self) -> bool {
        matches!(self, Self::Admitted)
    }
}

#[cfg(test)]
mod tests;
