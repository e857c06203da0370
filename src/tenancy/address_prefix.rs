//! What a client is counted by where attempts are counted by address.
//!
//! It never takes part in a network restriction: those look at the whole address.

use std::net::IpAddr;

use crate::limits::ADDRESS_PREFIX_V6_BITS;
use crate::tenancy::ClientAddress;

/// An IPv4 address, or the first [`ADDRESS_PREFIX_V6_BITS`] bits of an IPv6 address: whoever holds
/// one address of a /64 can send from all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressPrefix {
    /// The whole IPv4 address.
    V4(u32),
    /// The network part of the IPv6 address.
    V6(u64),
    /// Every client of a unix socket.
    Unix,
}

impl AddressPrefix {
    pub(super) fn of(client: ClientAddress) -> Self {
        match client.ip() {
            Some(IpAddr::V4(address)) => Self::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => {
                let network = address.to_bits() >> (u128::BITS - ADDRESS_PREFIX_V6_BITS);
                // The shift leaves no more than 64 bits.
                Self::V6(u64::try_from(network).unwrap_or(u64::MAX))
            },
            None => Self::Unix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(address: &str) -> AddressPrefix {
        ClientAddress::from_proxy_source(format!("{address}:1").parse().unwrap()).prefix()
    }

    #[test]
    fn an_ipv4_address_counts_alone_however_it_is_written() {
        assert_eq!(prefix("203.0.113.7"), prefix("[::ffff:203.0.113.7]"));
        assert_ne!(prefix("203.0.113.7"), prefix("203.0.113.8"));
    }

    #[test]
    fn the_addresses_of_one_slash_64_count_together() {
        assert_eq!(
            prefix("[2001:db8:0:1::1]"),
            prefix("[2001:db8:0:1:ffff::2]")
        );
        assert_ne!(prefix("[2001:db8:0:1::1]"), prefix("[2001:db8:0:2::1]"));
    }
}
