//! Networks and private endpoints against a naive oracle that compares bit by bit.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use proptest::prelude::*;
use tidegate_proto::proxy::Cloud;

use super::*;
use crate::tenancy::PeerAddress;
use crate::tenancy::UnixPeer;

fn networks(list: &[&str]) -> Vec<IpNet> {
    list.iter()
        .map(|network| network.parse().unwrap())
        .collect()
}

fn client(address: impl Into<IpAddr>) -> ClientAddress {
    ClientAddress::from_proxy_source(SocketAddr::new(address.into(), 1))
}

fn parsed(address: &str) -> ClientAddress {
    client(address.parse::<IpAddr>().unwrap())
}

fn restriction(allow: Option<&[&str]>, deny: &[&str]) -> NetworkRestriction {
    NetworkRestriction::new(allow.map(networks).as_deref(), &networks(deny), None)
}

fn aws(id: &str) -> PrivateEndpoint {
    PrivateEndpoint::new(Cloud::Aws, id).unwrap()
}

const NOT_ALLOWED: Verdict = Verdict::Refused(NetworkRefusal::AddressNotAllowed);
const DENIED: Verdict = Verdict::Refused(NetworkRefusal::AddressDenied);
const NOT_LISTED: Verdict = Verdict::Refused(NetworkRefusal::EndpointNotListed);

#[test]
fn unset_allows_all_and_an_empty_list_none() {
    for address in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        assert_eq!(
            restriction(None, &[]).admits(parsed(address), None),
            Verdict::Admitted
        );
        assert_eq!(
            restriction(Some(&[]), &[]).admits(parsed(address), None),
            NOT_ALLOWED
        );
    }
}

#[test]
fn deny_wins_over_allow() {
    let list = restriction(Some(&["192.0.2.0/24"]), &["192.0.2.7/32"]);
    assert_eq!(list.admits(parsed("192.0.2.6"), None), Verdict::Admitted);
    assert_eq!(list.admits(parsed("192.0.2.7"), None), DENIED);
    assert_eq!(list.admits(parsed("198.51.100.1"), None), NOT_ALLOWED);
    let list = restriction(Some(&["192.0.2.7/32"]), &["192.0.2.0/24"]);
    assert_eq!(list.admits(parsed("192.0.2.7"), None), DENIED);
    assert_eq!(
        restriction(None, &["0.0.0.0/0"]).admits(parsed("192.0.2.7"), None),
        DENIED
    );
}

#[test]
fn a_list_of_ipv4_networks_shuts_ipv6_clients_out() {
    let list = restriction(Some(&["0.0.0.0/0"]), &[]);
    assert_eq!(list.admits(parsed("2001:db8::1"), None), NOT_ALLOWED);
    let list = restriction(Some(&["::/0"]), &[]);
    assert_eq!(list.admits(parsed("::ffff:192.0.2.1"), None), NOT_ALLOWED);
}

#[test]
fn a_unix_socket_passes_only_where_no_list_is_given() {
    let unix = ClientAddress::from(PeerAddress::from_unix(UnixPeer::default()));
    assert_eq!(
        restriction(None, &["0.0.0.0/0"]).admits(unix, None),
        Verdict::Admitted
    );
    assert_eq!(
        restriction(Some(&["0.0.0.0/0", "::/0"]), &[]).admits(unix, None),
        NOT_ALLOWED
    );
    assert_eq!(restriction(Some(&[]), &[]).admits(unix, None), NOT_ALLOWED);
}

/// The rule as the documentation puts it, for each state of the three lists.
#[test]
fn private_endpoints_follow_their_rule_in_every_state() {
    let inside = parsed("192.0.2.1");
    let outside = parsed("198.51.100.1");
    let (listed, other) = (aws("vpce-1"), aws("vpce-2"));
    let list = |endpoints: Option<&[PrivateEndpoint]>| {
        NetworkRestriction::new(Some(&networks(&["192.0.2.0/24"])), &[], endpoints)
    };

    let unset = list(None);
    for endpoint in [None, Some(&listed)] {
        assert_eq!(unset.admits(inside, endpoint), Verdict::Admitted);
        assert_eq!(unset.admits(outside, endpoint), NOT_ALLOWED);
    }
    let empty = list(Some(&[]));
    assert_eq!(empty.admits(inside, Some(&listed)), NOT_LISTED);
    assert_eq!(empty.admits(inside, None), Verdict::Admitted);
    assert_eq!(empty.admits(outside, None), NOT_ALLOWED);

    let one = list(Some(std::slice::from_ref(&listed)));
    for address in [inside, outside] {
        assert_eq!(one.admits(address, Some(&listed)), Verdict::Admitted);
        assert_eq!(one.admits(address, Some(&other)), NOT_LISTED);
    }
    assert_eq!(one.admits(inside, None), Verdict::Admitted);
    assert_eq!(one.admits(outside, None), NOT_ALLOWED);
}

#[test]
fn a_listed_endpoint_passes_even_where_no_address_may() {
    let listed = aws("vpce-1");
    let list = NetworkRestriction::new(
        Some(&[]),
        &networks(&["0.0.0.0/0"]),
        Some(std::slice::from_ref(&listed)),
    );
    assert_eq!(
        list.admits(parsed("10.0.0.1"), Some(&listed)),
        Verdict::Admitted
    );
    assert_eq!(list.admits(parsed("10.0.0.1"), None), DENIED);
}

#[test]
fn the_same_id_of_another_cloud_is_another_endpoint() {
    let azure = PrivateEndpoint::new(Cloud::Azure, "123").unwrap();
    let gcp = PrivateEndpoint::new(Cloud::Gcp, "123").unwrap();
    let list = NetworkRestriction::new(None, &[], Some(std::slice::from_ref(&azure)));
    assert_eq!(
        list.admits(parsed("10.0.0.1"), Some(&azure)),
        Verdict::Admitted
    );
    assert_eq!(list.admits(parsed("10.0.0.1"), Some(&gcp)), NOT_LISTED);
}

/// Family, address bits from the top of a `u128`, and prefix length: compared bit by bit.
#[derive(Debug, Clone, Copy)]
struct Naive {
    is_v4: bool,
    bits: u128,
    prefix: u8,
}

impl Naive {
    fn holds(self, is_v4: bool, bits: u128) -> bool {
        self.is_v4 == is_v4
            && (0..u32::from(self.prefix)).all(|bit| {
                let mask = 1_u128 << (127 - bit);
                self.bits & mask == bits & mask
            })
    }

    fn network(self) -> IpNet {
        if self.is_v4 {
            IpNet::new(Ipv4Addr::from(top_of(self.bits)).into(), self.prefix).unwrap()
        } else {
            IpNet::new(Ipv6Addr::from(self.bits).into(), self.prefix).unwrap()
        }
    }
}

fn top_of(bits: u128) -> u32 {
    u32::try_from(bits >> 96).unwrap()
}

/// Few different bits, so that networks and addresses often meet.
fn address_bits() -> impl Strategy<Value = u128> {
    let words = prop::sample::select(vec![0_u32, 1, 0x0a00_0000, 0x0a00_00ff, 0x8000_0000, !0]);
    let near =
        (words.clone(), words).prop_map(|(top, low)| (u128::from(top) << 96) | u128::from(low));
    prop_oneof![near, any::<u128>()]
}

fn naive() -> impl Strategy<Value = Naive> {
    (any::<bool>(), address_bits(), 0_u8..=128).prop_map(|(is_v4, bits, prefix)| Naive {
        is_v4,
        // An unmapped IPv6 network: mapped ones are IPv4 networks, and have their own test.
        bits: if is_v4 {
            bits >> 96 << 96
        } else {
            bits | 1 << 64
        },
        prefix: if is_v4 { prefix % 33 } else { prefix },
    })
}

fn lists() -> impl Strategy<Value = (Option<Vec<Naive>>, Vec<Naive>)> {
    (
        prop::option::of(prop::collection::vec(naive(), 0..6)),
        prop::collection::vec(naive(), 0..4),
    )
}

fn compiled(allow: Option<&[Naive]>, deny: &[Naive]) -> NetworkRestriction {
    let of = |list: &[Naive]| list.iter().map(|entry| entry.network()).collect::<Vec<_>>();
    NetworkRestriction::new(allow.map(of).as_deref(), &of(deny), None)
}

proptest! {
    #[test]
    fn every_decision_is_that_of_the_bitwise_oracle(
        (allow, deny) in lists(),
        is_v4: bool,
        bits in address_bits(),
    ) {
        let bits = if is_v4 { bits >> 96 << 96 } else { bits | 1 << 64 };
        let address: IpAddr = if is_v4 {
            Ipv4Addr::from(top_of(bits)).into()
        } else {
            Ipv6Addr::from(bits).into()
        };
        let held_by = |list: &[Naive]| list.iter().any(|entry| entry.holds(is_v4, bits));
        let expected = if held_by(&deny) {
            DENIED
        } else if allow.as_deref().is_none_or(held_by) {
            Verdict::Admitted
        } else {
            NOT_ALLOWED
        };
        prop_assert_eq!(compiled(allow.as_deref(), &deny).admits(client(address), None), expected);
    }

    #[test]
    fn an_ipv4_address_and_its_mapped_form_get_one_decision(
        (allow, deny) in lists(),
        bits in address_bits(),
    ) {
        let v4 = Ipv4Addr::from(top_of(bits));
        let list = compiled(allow.as_deref(), &deny);
        let decision = list.admits(client(v4), None);
        prop_assert_eq!(list.admits(client(v4.to_ipv6_mapped()), None), decision);
        let socket = SocketAddr::new(v4.to_ipv6_mapped().into(), 7);
        let dual_stack = ClientAddress::from(PeerAddress::from_socket(socket));
        prop_assert_eq!(list.admits(dual_stack, None), decision);
    }

    #[test]
    fn a_mapped_entry_decides_like_the_ipv4_entry(entry in naive(), bits in address_bits()) {
        let v4 = Naive { is_v4: true, bits: entry.bits >> 96 << 96, prefix: entry.prefix % 33 };
        let IpNet::V4(network) = v4.network() else { panic!("it is IPv4") };
        let mapped = IpNet::new(network.addr().to_ipv6_mapped().into(), network.prefix_len() + 96);
        let address = client(Ipv4Addr::from(top_of(bits)));
        prop_assert_eq!(
            NetworkRestriction::new(Some(&[mapped.unwrap()]), &[], None).admits(address, None),
            compiled(Some(&[v4]), &[]).admits(address, None)
        );
    }

    #[test]
    fn an_address_that_deny_holds_is_never_admitted(
        (allow, mut deny) in lists(),
        bits in address_bits(),
        at: prop::sample::Index,
        prefix in 0_u8..=32,
    ) {
        let denied = Naive { is_v4: true, bits: bits >> 96 << 96, prefix };
        deny.insert(at.index(deny.len() + 1), denied);
        let address = client(Ipv4Addr::from(top_of(bits)));
        prop_assert_eq!(compiled(allow.as_deref(), &deny).admits(address, None), DENIED);
    }
}
