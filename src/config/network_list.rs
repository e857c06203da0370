//! Reads addresses and networks, strictly.
//!
//! A list that is not understood to the last character must never become a smaller list: a wrong
//! entry is an error, and what stands in the error is what to write instead. Everything that
//! matches by these lists is canonical, so IPv4-mapped entries become IPv4 here.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use ipnet::IpNet;

/// The prefix of the IPv4-mapped addresses, `::ffff:0:0/96`, RFC 4291 section 2.5.5.2.
const MAPPED_PREFIX_BITS: u8 = 96;

/// Why an entry is neither an address nor a network; always the operator's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Nothing is there.
    #[error("the entry is empty")]
    Empty,
    /// A space, a tab or a line end, anywhere.
    #[error("it contains white space; write one address or network per entry")]
    WhiteSpace,
    /// An IPv6 zone, as in `fe80::1%eth0`.
    #[error("zones (%) cannot be matched; write the address without it")]
    Zone,
    /// An octet or a prefix length like `010`, which some read as octal.
    #[error("numbers with leading zeros mean different things to different programs")]
    LeadingZeros,
    /// Not an address.
    #[error(
        "it is neither an address nor a network; write it as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32"
    )]
    NotAnAddress,
    /// `10.0.0.0/255.0.0.0`.
    #[error("netmasks are not understood; write the prefix length, as in 10.0.0.0/8")]
    Netmask,
    /// What follows the slash is not a decimal number.
    #[error("the prefix length after the slash must be a plain decimal number")]
    PrefixLength,
    /// The prefix length exceeds the address.
    #[error("the prefix length must be at most {longest}")]
    PrefixTooLong {
        /// 32 for IPv4, 128 for IPv6.
        longest: u8,
    },
    /// `10.0.0.1/8`: the address is not the first of the network.
    #[error(
        "bits are set beyond the prefix length; write {network}, or the address alone if only that is meant"
    )]
    HostBits {
        /// The network that contains the address.
        network: IpNet,
    },
    /// An IPv6 network around `::ffff:0:0/96`, of which nobody can say whether IPv4 is meant.
    #[error(
        "it contains the IPv4-mapped addresses ::ffff:0:0/96, but IPv4 clients are matched by IPv4 networks only; write ::/0 for all of IPv6 or a longer prefix, and IPv4 networks apart"
    )]
    AroundMapped,
}

/// Reads one address (a network of one) or one network.
///
/// # Errors
/// [`NetworkError`] if it is anything but exactly that: the operator's fault.
pub fn parse_network(text: &str) -> Result<IpNet, NetworkError> {
    if text.is_empty() {
        return Err(NetworkError::Empty);
    }
    if text.contains(char::is_whitespace) {
        return Err(NetworkError::WhiteSpace);
    }
    if text.contains('%') {
        return Err(NetworkError::Zone);
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address = parse_address(address)?;
    let longest = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let prefix_length = match prefix {
        Some(prefix) => parse_prefix_length(prefix, longest)?,
        None => longest,
    };
    let network = IpNet::new(address, prefix_length)
        .map_err(|_too_long| NetworkError::PrefixTooLong { longest })?;
    if network.network() != address {
        return Err(NetworkError::HostBits {
            network: network.trunc(),
        });
    }
    canonical(network)
}

/// Reads an address; no octet may have leading zeros.
fn parse_address(text: &str) -> Result<IpAddr, NetworkError> {
    text.parse::<IpAddr>().map_err(|_neither| {
        let dotted = text.rsplit(':').next().unwrap_or(text);
        let is_dotted = dotted.contains('.');
        if is_dotted && dotted.split('.').any(has_leading_zero) {
            NetworkError::LeadingZeros
        } else {
            NetworkError::NotAnAddress
        }
    })
}

fn parse_prefix_length(text: &str, longest: u8) -> Result<u8, NetworkError> {
    if text.contains(['.', ':']) {
        return Err(NetworkError::Netmask);
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NetworkError::PrefixLength);
    }
    if has_leading_zero(text) {
        return Err(NetworkError::LeadingZeros);
    }
    match text.parse::<u8>() {
        Ok(length) if length <= longest => Ok(length),
        _ => Err(NetworkError::PrefixTooLong { longest }),
    }
}

fn has_leading_zero(number: &str) -> bool {
    number.len() > 1 && number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Clients' addresses are canonical when they are matched, so the networks must be too.
fn canonical(network: IpNet) -> Result<IpNet, NetworkError> {
    let IpNet::V6(v6) = network else {
        return Ok(network);
    };
    let mapped = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped();
    if v6.prefix_len() < MAPPED_PREFIX_BITS {
        let is_around = v6.prefix_len() > 0 && v6.contains(&mapped);
        return if is_around {
            Err(NetworkError::AroundMapped)
        } else {
            Ok(network)
        };
    }
    match Ipv6Addr::to_ipv4_mapped(&v6.addr()) {
        None => Ok(network),
        Some(v4) => IpNet::new(IpAddr::V4(v4), v6.prefix_len() - MAPPED_PREFIX_BITS)
            .map_err(|_too_long| NetworkError::PrefixTooLong { longest: 128 }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> IpNet {
        parse_network(text).expect(text)
    }

    fn refusal(text: &str) -> NetworkError {
        parse_network(text).expect_err(text)
    }

    #[test]
    fn an_address_alone_is_a_network_of_one() {
        assert_eq!(network("203.0.113.7").to_string(), "203.0.113.7/32");
        assert_eq!(network("2001:DB8::7").to_string(), "2001:db8::7/128");
        assert_eq!(network("0.0.0.0/0").to_string(), "0.0.0.0/0");
        assert_eq!(network("::/0").to_string(), "::/0");
    }

    #[test]
    fn every_way_of_writing_it_wrong_is_named() {
        assert_eq!(refusal(""), NetworkError::Empty);
        for spaced in [
            " 10.0.0.1",
            "10.0.0.1 ",
            "10.0.0.0 /8",
            "10.0.0.1\n",
            "\u{a0}10.0.0.1",
        ] {
            assert_eq!(refusal(spaced), NetworkError::WhiteSpace, "{spaced:?}");
        }
        assert_eq!(refusal("fe80::1%eth0"), NetworkError::Zone);
        for zeros in [
            "010.0.0.1",
            "10.0.0.00",
            "10.0.0.0/08",
            "::ffff:10.0.0.01",
            "10.0.0.0/00",
        ] {
            assert_eq!(refusal(zeros), NetworkError::LeadingZeros, "{zeros}");
        }
        assert_eq!(refusal("10.0.0.0/255.0.0.0"), NetworkError::Netmask);
        assert_eq!(refusal("2001:db8::/ffff::"), NetworkError::Netmask);
        for prefix in [
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-8",
            "10.0.0.0/8/8",
            "10.0.0.0/0x8",
        ] {
            assert_eq!(refusal(prefix), NetworkError::PrefixLength, "{prefix}");
        }
        assert_eq!(
            refusal("10.0.0.0/33"),
            NetworkError::PrefixTooLong { longest: 32 }
        );
        assert_eq!(
            refusal("10.0.0.0/256"),
            NetworkError::PrefixTooLong { longest: 32 }
        );
        assert_eq!(
            refusal("::/129"),
            NetworkError::PrefixTooLong { longest: 128 }
        );
        assert_eq!(
            refusal("10.0.0.1/8"),
            NetworkError::HostBits {
                network: network("10.0.0.0/8")
            }
        );
        for nonsense in [
            "localhost",
            "10.0.0",
            "10",
            "0x7f.0.0.1",
            "[::1]",
            "10.0.0.1:5432",
            "10.0.0.1-10.0.0.9",
            "any",
            "*",
            "/8",
            "1.2.3.4.5",
            "::g",
        ] {
            assert_eq!(refusal(nonsense), NetworkError::NotAnAddress, "{nonsense}");
        }
    }

    #[test]
    fn mapped_networks_become_ipv4() {
        assert_eq!(network("::ffff:10.1.2.3").to_string(), "10.1.2.3/32");
        assert_eq!(network("::ffff:a01:203").to_string(), "10.1.2.3/32");
        assert_eq!(network("::ffff:10.0.0.0/104").to_string(), "10.0.0.0/8");
        assert_eq!(network("::ffff:0:0/96").to_string(), "0.0.0.0/0");
    }

    #[test]
    fn networks_around_the_mapped_addresses_are_refused() {
        for around in ["::/1", "::/64", "::/80", "::fffe:0:0/95", "::ffff:0:0/95"] {
            assert!(parse_network(around).is_err(), "{around}");
        }
        assert_eq!(refusal("::/64"), NetworkError::AroundMapped);
        assert_eq!(network("::/97").to_string(), "::/97");
        assert_eq!(network("8000::/1").to_string(), "8000::/1");
    }

    /// Compares the first `prefix` bits one by one.
    fn naive_contains(network: u128, prefix: u8, address: u128) -> bool {
        (0..u32::from(prefix)).all(|bit| {
            let mask = 1u128 << (127 - bit);
            network & mask == address & mask
        })
    }

    fn masked(bits: u128, prefix: u8) -> u128 {
        (0..u32::from(prefix)).fold(0, |kept, bit| kept | (bits & (1u128 << (127 - bit))))
    }

    fn as_bits(address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        }
    }

    /// What the grammar allows, written apart: for IPv4 each part is the shortest form of itself.
    fn naive_v4(text: &str) -> Option<(Ipv4Addr, u8)> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let parts: Vec<u8> = address
            .split('.')
            .map(|part| {
                part.parse::<u8>()
                    .ok()
                    .filter(|number| number.to_string() == part)
            })
            .collect::<Option<_>>()?;
        let octets: [u8; 4] = parts.try_into().ok()?;
        let length = prefix
            .parse::<u8>()
            .ok()
            .filter(|number| number.to_string() == prefix)?;
        let bits = u32::from_be_bytes(octets);
        let is_first = u64::from(bits) % (1u64 << 32u8.checked_sub(length)?) == 0;
        is_first.then(|| (Ipv4Addr::from(octets), length))
    }

    proptest! {
        #[test]
        fn a_network_contains_what_its_bits_say(bits: u128, prefix in 0u8..=128, near: u128, other: u128) {
            let base = Ipv6Addr::from_bits(masked(bits, prefix));
            let text = format!("{base}/{prefix}");
            // Near addresses share the prefix up to one flipped bit, or all of it.
            let inside = masked(bits, prefix) | (near & !masked(u128::MAX, prefix));
            let flipped = inside ^ (1u128 << (near % 128));
            if let Ok(network) = parse_network(&text) {
                for address in [inside, flipped, other] {
                    let canonical = IpAddr::V6(Ipv6Addr::from_bits(address)).to_canonical();
                    if prefix == 0 && canonical.is_ipv4() {
                        prop_assert!(!network.contains(&canonical));
                    } else {
                        prop_assert_eq!(
                            network.contains(&canonical),
                            naive_contains(base.to_bits(), prefix, address),
                            "{} {}", text, canonical
                        );
                    }
                }
            } else {
                let mapped = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().to_bits();
                prop_assert!(prefix < 96 && naive_contains(base.to_bits(), prefix, mapped));
            }
        }

        #[test]
        fn ipv4_is_the_same_plain_and_mapped(bits: u32, prefix in 0u8..=32, address: u32) {
            let base = Ipv4Addr::from_bits(bits & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0));
            let plain = network(&format!("{base}/{prefix}"));
            let mapped = network(&format!("::ffff:{base}/{}", 96 + prefix));
            prop_assert_eq!(plain, mapped);
            let address = IpAddr::V4(Ipv4Addr::from_bits(address));
            prop_assert_eq!(
                plain.contains(&address),
                naive_contains(as_bits(IpAddr::V4(base)), 96 + prefix, as_bits(address))
            );
        }

        #[test]
        fn ipv4_is_accepted_exactly_if_every_part_is_in_its_shortest_form(
            text in "(([0-9]{1,3}|0[0-9]|\\+1)\\.){2,4}(0|[0-9]{1,3})(/(\\+?[0-9]{1,3}|[a-z]|))?"
        ) {
            let expected = naive_v4(&text).map(|(address, prefix)| format!("{address}/{prefix}"));
            prop_assert_eq!(parse_network(&text).ok().map(|network| network.to_string()), expected);
        }

        #[test]
        fn arbitrary_text_is_never_a_panic(text in "\\PC{0,40}") {
            let _either = parse_network(&text);
        }
    }
}
