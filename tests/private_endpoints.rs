//! Networks and private endpoints over real sockets, by PROXY headers made by hand: through to a
//! tenant's rows, or to a refusal that says nothing about which tenants there are.
#![cfg(test)]

use std::net::TcpListener;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::free_port;
use tidegate_harness::wire::BEHIND_A_BALANCER;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_harness::wire::proxied;
use tidegate_harness::wire::proxied_through;
use tidegate_proto::proxy::encode;
use tidegate_proto::proxy::encode::V2;

/// The load balancer's own address, where every endpoint's traffic comes from.
const BALANCER: &str = "10.1.2.3";
const INSIDE: &str = "203.0.113.7";
const OUTSIDE: &str = "198.51.100.7";

/// The header that Amazon's balancer was seen to send: 172.31.7.113, through this endpoint.
const GOLDEN_AWS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x54\xac\x1f\x07\x71\xac\x1f\x0a\x1f\
    \xc8\xf2\0\x50\x03\0\x04\xe8\xd6\x89\x2d\xea\0\x17\x01vpce-08d2bf15fac5001c9\x04\0\x24\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const LISTED: &str = "network.private_endpoints = [\
    { cloud = \"aws\", id = \"vpce-08d2bf15fac5001c9\" }, \
    { cloud = \"azure\", id = \"305419896\" }, \
    { cloud = \"gcp\", id = \"18446744073709551615\" }]";

/// Endpoints, and whether [`LISTED`] has them.
const ENDPOINTS: [(&str, &str, bool); 7] = [
    ("aws", "vpce-08d2bf15fac5001c9", true),
    ("aws", "vpce-08d2bf15fac5001c", false),
    ("aws", "VPCE-08D2BF15FAC5001C9", false),
    ("azure", "305419896", true),
    // The same number is another endpoint in another cloud.
    ("gcp", "305419896", false),
    ("gcp", "18446744073709551615", true),
    ("azure", "4294967295", false),
];

fn start(tenant: &str) -> Option<PooledDatabase> {
    let configure = |config: &mut PoolerConfig| {
        config.listener = BEHIND_A_BALANCER.to_owned();
        config.tenant = tenant.to_owned();
    };
    PooledDatabase::start(configure).unwrap()
}

/// Whether a client behind this header gets its rows. If not, it was refused as the rules say.
fn gets_rows(pooled: &PooledDatabase, header: &[u8]) -> bool {
    match Wire::connect(&pooled.login().behind(header.to_vec())) {
        Ok(mut client) => {
            assert_eq!(client.query("select 6 * 7").unwrap(), "42");
            true
        },
        Err(error) => {
            let told = error.report().unwrap_or_else(|| panic!("{error}"));
            assert_eq!(
                (&*told.severity, &*told.sqlstate),
                ("FATAL", "28000"),
                "{told}"
            );
            assert!(
                told.message
                    .starts_with("tenant \"acme\" admits no connection from "),
                "{told}"
            );
            false
        },
    }
}

fn from(address: &str) -> Vec<u8> {
    proxied(address).unwrap()
}

fn through(address: &str, cloud: &str, id: &str) -> Vec<u8> {
    proxied_through(address, cloud, id).unwrap()
}

#[test]
fn networks_not_given_empty_and_listed() {
    let Some(mut pooled) = start("") else {
        return;
    };
    for (networks, inside, outside) in [
        ("", true, true),
        ("network.allow = []", false, false),
        ("network.allow = [\"203.0.113.0/24\"]", true, false),
        ("network.deny = [\"198.51.100.7\"]", true, false),
        ("network.deny = []", true, true),
        (
            "network.allow = [\"0.0.0.0/0\"]\nnetwork.deny = [\"198.51.0.0/16\"]",
            true,
            false,
        ),
        ("network.allow = [\"::/0\"]", false, false),
        ("network.allow = [\"::ffff:203.0.113.0/120\"]", true, false),
        (
            "network.allow = [\"203.0.113.6/31\", \"203.0.113.8/29\"]",
            true,
            false,
        ),
    ] {
        pooled
            .reloaded(|config| networks.clone_into(&mut config.tenant))
            .unwrap();
        assert_eq!(gets_rows(&pooled, &from(INSIDE)), inside, "{networks}");
        assert_eq!(gets_rows(&pooled, &from(OUTSIDE)), outside, "{networks}");
    }
}

#[test]
fn an_address_is_the_same_however_it_is_written() {
    let destination = "10.0.0.1:5432".parse().unwrap();
    let configure = |config: &mut PoolerConfig| {
        config.listener = BEHIND_A_BALANCER.replace("\"v2\"", "\"v1+v2\"");
        config.tenant = "network.allow = [\"203.0.113.7\", \"2001:db8::/64\"]".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    for (address, expected) in [
        ("203.0.113.7:1", true),
        ("[::ffff:203.0.113.7]:1", true),
        ("[::ffff:203.0.113.8]:1", false),
        // IPv4-compatible and translated addresses are others.
        ("[::203.0.113.7]:1", false),
        ("[64:ff9b::203.0.113.7]:1", false),
        ("[2001:db8::203.0.113.7]:1", true),
        ("[2001:db8:0:1::1]:1", false),
        ("127.0.0.1:1", false),
        ("[::1]:1", false),
        ("0.0.0.0:1", false),
    ] {
        let source = address.parse().unwrap();
        let v2 = V2::proxy(source, destination).finish().unwrap();
        for header in [v2, encode::v1(source, destination)] {
            assert_eq!(gets_rows(&pooled, &header), expected, "{address}");
        }
    }
}

#[test]
fn private_endpoints_not_given_leave_it_to_the_address() {
    let Some(pooled) = start("network.allow = [\"10.0.0.0/8\"]") else {
        return;
    };
    for (cloud, id, _) in ENDPOINTS {
        assert!(
            gets_rows(&pooled, &through(BALANCER, cloud, id)),
            "{cloud} {id}"
        );
        assert!(
            !gets_rows(&pooled, &through(OUTSIDE, cloud, id)),
            "{cloud} {id}"
        );
    }
}

#[test]
fn with_a_list_an_endpoint_passes_if_listed_whatever_its_address() {
    for network in [
        "",
        "network.allow = []\n",
        "network.deny = [\"0.0.0.0/0\", \"::/0\"]\n",
    ] {
        let Some(pooled) = start(&format!("{network}{LISTED}")) else {
            return;
        };
        for (cloud, id, is_listed) in ENDPOINTS {
            let header = through(BALANCER, cloud, id);
            assert_eq!(
                gets_rows(&pooled, &header),
                is_listed,
                "{network} {cloud} {id}"
            );
        }
        assert!(gets_rows(&pooled, GOLDEN_AWS), "{network}");
        // Without an id, the address decides.
        assert_eq!(
            gets_rows(&pooled, &from(INSIDE)),
            network.is_empty(),
            "{network}"
        );
    }
}

#[test]
fn with_an_empty_list_no_endpoint_passes_and_addresses_decide_for_themselves() {
    let rules =
        "network.private_endpoints = []\nnetwork.allow = [\"203.0.113.0/24\", \"10.0.0.0/8\"]";
    let Some(pooled) = start(rules) else { return };
    for (cloud, id, _) in ENDPOINTS {
        assert!(
            !gets_rows(&pooled, &through(INSIDE, cloud, id)),
            "{cloud} {id}"
        );
    }
    assert!(gets_rows(&pooled, &from(INSIDE)));
    assert!(!gets_rows(&pooled, &from(OUTSIDE)));
}

#[test]
fn who_is_refused_is_told_what_was_seen_and_the_log_says_why() {
    let Some(pooled) = start(&format!("{LISTED}\nnetwork.allow = [\"203.0.113.0/24\"]")) else {
        return;
    };
    let told = |header: Vec<u8>| {
        let error = Wire::connect(&pooled.login().behind(header)).unwrap_err();
        error.report().unwrap().to_string()
    };
    let said = told(through(BALANCER, "aws", "vpce-1"));
    assert!(said.contains(BALANCER) && said.contains("vpce-1"), "{said}");
    pooled
        .pooler
        .wait_for_log("the private endpoint is not listed")
        .unwrap();
    // As it is in the rules, not as it came.
    let said = told(from("::ffff:198.51.100.7"));
    assert!(
        said.contains(" 198.51.100.7") && !said.contains("::ffff"),
        "{said}"
    );
    let line = pooled
        .pooler
        .wait_for_log("the address is not allowed")
        .unwrap();
    assert!(
        line.contains("tenant=\"acme\"") && line.contains(OUTSIDE),
        "{line}"
    );
}

#[test]
fn denied_ip_never_wakes() {
    // An endpoint that nobody answers at, and that would notice a connection.
    let port = free_port().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let configure = |config: &mut PoolerConfig| {
        config.listener = BEHIND_A_BALANCER.to_owned();
        config.tenant = "network.allow = [\"203.0.113.0/24\"]".to_owned();
        config.endpoint_port = Some(port);
        config.pool = "server_connect_timeout = \"300ms\"".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let right = pooled.login();
    for (address, password, sqlstate) in [
        (OUTSIDE, &*right.password, "28000"),
        (INSIDE, "wrong", "28P01"),
    ] {
        let login = right.clone().behind(from(address)).with_password(password);
        assert_eq!(Wire::connect(&login).unwrap_err().sqlstate(), sqlstate);
        assert!(
            listener.accept().is_err(),
            "{address}: the endpoint was touched"
        );
    }
    // Who may and proves it does wake it.
    let login = right.behind(from(INSIDE));
    assert_eq!(Wire::connect(&login).unwrap_err().sqlstate(), "57P03");
    assert!(listener.accept().is_ok());
}

/// Everything that a client hears until it is closed, as it answers whatever it is asked.
fn transcript(login: &Login) -> (Vec<u8>, WireError) {
    let mut client = Wire::announce(login).unwrap();
    client.record();
    let error = client.prove(login).unwrap_err();
    drop(client.until_closed());
    (client.recorded().to_vec(), error)
}

/// The same without what is random in every login: the server's nonce.
fn comparable(transcript: &[u8]) -> Vec<u8> {
    let mut bytes = transcript.to_vec();
    if let Some(at) = bytes.windows(2).position(|part| part == b"r=")
        && let Some(end) = bytes[at..].iter().position(|byte| *byte == b',')
    {
        bytes[at..at + end].fill(b'#');
    }
    bytes
}

#[test]
fn an_unknown_tenant_and_a_blocked_network_hear_the_same_bytes() {
    let Some(pooled) = start("network.allow = [\"203.0.113.0/24\"]") else {
        return;
    };
    let as_tenant = |address: &str, tenant: &str| {
        let user = format!("{}.{tenant}", pooled.database.user);
        transcript(&pooled.login().as_user(&user).behind(from(address)))
    };
    let (blocked, error) = as_tenant(OUTSIDE, "acme");
    let (unknown, _) = as_tenant(OUTSIDE, "none");
    assert_eq!(error.sqlstate(), "28000");
    let text = String::from_utf8(unknown).unwrap().replace("none", "acme");
    assert_eq!(text.into_bytes(), blocked);
    // No authentication was begun.
    assert_eq!(blocked[0], b'E');
}

#[test]
fn an_unknown_user_and_a_wrong_password_hear_the_same_bytes() {
    let Some(pooled) = start("") else { return };
    let wrong = pooled.login().with_password("wrong").behind(from(INSIDE));
    // Names of the same length, so that the lengths of the messages are the same.
    let user = wrong.user.clone();
    let unknown = wrong.clone().as_user(&user.replace("user", "nemo"));
    let (known, error) = transcript(&wrong);
    assert_eq!(error.sqlstate(), "28P01");
    let (other, _) = transcript(&unknown);
    let text =
        |bytes: &[u8]| String::from_utf8_lossy(&without_salt(&comparable(bytes))).into_owned();
    assert_eq!(text(&other).replace("nemo", "user"), text(&known));
    // Who asks twice is told the same salt, as one who exists would be.
    assert_eq!(comparable(&transcript(&unknown).0), comparable(&other));
    assert_eq!(comparable(&transcript(&wrong).0), comparable(&known));
}

/// Salts differ between users, and between those that exist, too.
fn without_salt(transcript: &[u8]) -> Vec<u8> {
    let mut bytes = transcript.to_vec();
    if let Some(at) = bytes.windows(3).position(|part| part == b",s=")
        && let Some(end) = bytes[at + 1..].iter().position(|byte| *byte == b',')
    {
        bytes[at + 3..=at + end].fill(b'#');
    }
    bytes
}

#[test]
fn opaque_refusals_look_alike_byte_for_byte() {
    let configure = |config: &mut PoolerConfig| {
        config.node = "refusals = \"opaque\"\nlogin_failure_delay = 0".to_owned();
        config.listener = BEHIND_A_BALANCER.to_owned();
        config.tenant = "network.allow = [\"203.0.113.0/24\"]".to_owned();
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let heard = |address: &str, user: &str, password: &str| {
        let user = user.replace("user", &pooled.database.user);
        let login = pooled.login().as_user(&user).with_password(password);
        let (transcript, error) = transcript(&login.behind(from(address)));
        assert_eq!(error.sqlstate(), "28P01", "{error}");
        let text = String::from_utf8_lossy(&without_salt(&comparable(&transcript))).into_owned();
        // What the client said of itself, and the address that was seen, is all that may differ.
        text.replace("nemo_", "user_").replace(address, "ADDRESS")
    };
    let right = pooled.database.password.clone();
    let nemo = pooled.database.user.replace("user", "nemo");
    let wrong_password = heard(INSIDE, "user.acme", "wrong");
    assert_eq!(
        heard(INSIDE, &format!("{nemo}.acme"), &right),
        wrong_password
    );
    assert_eq!(heard(INSIDE, "user.none", &right), wrong_password);
    // As long as the other address, so that the lengths of the messages are the same.
    assert_eq!(heard("203.0.112.7", "user.acme", &right), wrong_password);
}
