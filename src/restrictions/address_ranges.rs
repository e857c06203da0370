//! A set of IP networks, compiled for looking up one address.
//!
//! IPv4 and IPv6 are kept apart: `::/0` holds no IPv4 address and `0.0.0.0/0` no IPv6 address. A
//! mapped network counts as the IPv4 network it stands for, as addresses do everywhere.

use std::net::IpAddr;

use ipnet::IpNet;
use ipnet::Ipv4Net;

/// Bits in front of the IPv4 address in a mapped address.
const MAPPED_PREFIX_BITS: u8 = 96;

/// Addresses, as sorted ranges that neither touch nor overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AddressRanges {
    v4: Box<[Range<u32>]>,
    v6: Box<[Range<u128>]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Range<A> {
    first: A,
    /// Invariant: `first <= last`.
    last: A,
}

impl AddressRanges {
    /// Compiles a list. Host bits of an entry do not matter.
    pub(super) fn of(networks: &[IpNet]) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for network in networks {
            match canonical(*network) {
                IpNet::V4(network) => v4.push(Range {
                    first: network.network().to_bits(),
                    last: network.broadcast().to_bits(),
                }),
                IpNet::V6(network) => v6.push(Range {
                    first: network.network().to_bits(),
                    last: network.broadcast().to_bits(),
                }),
            }
        }
        Self {
            v4: merged(v4, |last| last.checked_add(1)),
            v6: merged(v6, |last| last.checked_add(1)),
        }
    }

    /// Whether the set holds a canonical address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => is_within(&self.v4, address.to_bits()),
            IpAddr::V6(address) => is_within(&self.v6, address.to_bits()),
        }
    }
}

/// The IPv4 network for one that lies within the mapped addresses.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    v6.addr()
        .to_ipv4_mapped()
        .zip(v6.prefix_len().checked_sub(MAPPED_PREFIX_BITS))
        .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok())
        .map_or(network, IpNet::V4)
}

fn merged<A: Copy + Ord>(
    mut ranges: Vec<Range<A>>,
    next: impl Fn(A) -> Option<A>,
) -> Box<[Range<A>]> {
    ranges.sort_unstable();
    let mut merged: Vec<Range<A>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            // The last address of all has no next one: whatever follows lies within.
            Some(before) if next(before.last).is_none_or(|next| range.first <= next) => {
                before.last = before.last.max(range.last);
            },
            _ => merged.push(range),
        }
    }
    merged.into_boxed_slice()
}

fn is_within<A: Copy + Ord>(ranges: &[Range<A>], address: A) -> bool {
    let after = ranges.partition_point(|range| range.first <= address);
    after
        .checked_sub(1)
        .and_then(|index| ranges.get(index))
        .is_some_and(|range| address <= range.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(networks: &[&str]) -> AddressRanges {
        let networks: Vec<IpNet> = networks.iter().map(|net| net.parse().unwrap()).collect();
        AddressRanges::of(&networks)
    }

    fn contains(ranges: &AddressRanges, address: &str) -> bool {
        ranges.contains(address.parse().unwrap())
    }

    #[test]
    fn neighbours_and_overlaps_become_one_range() {
        let set = ranges(&["10.0.0.0/25", "10.0.0.128/25", "10.0.0.7/32", "10.0.1.0/24"]);
        assert_eq!(set.v4.len(), 1);
        assert!(contains(&set, "10.0.0.0") && contains(&set, "10.0.1.255"));
        assert!(!contains(&set, "9.255.255.255") && !contains(&set, "10.0.2.0"));
    }

    #[test]
    fn all_of_one_family_holds_nothing_of_the_other() {
        let v4 = ranges(&["0.0.0.0/0", "255.255.255.255/32"]);
        let v6 = ranges(&["::/0", "ffff::/16"]);
        assert!(contains(&v4, "255.255.255.255") && !contains(&v4, "::1"));
        assert!(contains(&v6, "::1") && !contains(&v6, "10.0.0.1"));
        assert_eq!((v4.v4.len(), v6.v6.len()), (1, 1));
    }

    #[test]
    fn a_mapped_network_is_the_ipv4_network() {
        let set = ranges(&["::ffff:10.0.0.0/104"]);
        assert_eq!(set, ranges(&["10.0.0.0/8"]));
        assert!(contains(&set, "10.1.2.3"));
        assert_eq!(ranges(&["::ffff:0.0.0.0/96"]), ranges(&["0.0.0.0/0"]));
    }

    #[test]
    fn host_bits_of_an_entry_do_not_matter() {
        assert_eq!(ranges(&["10.1.2.3/8"]), ranges(&["10.0.0.0/8"]));
    }
}
