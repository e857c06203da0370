//! Arbitrary text as a configuration, without files and environment: the loader's promises, and a
//! second reading of every list of networks.
//!
//! The promise that matters most: a list that is used has every entry that was written. A smaller
//! list of trusted proxies or of allowed networks would let somebody in or shut somebody out.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use ipnet::IpNet;
use tidegate::config::Config;
use tidegate::config::Finding;
use tidegate::config::ListenAddress;
use tidegate::config::ProxyProtocol;
use tidegate::config::parse;
use tidegate::config::reload;
use toml::Table;
use toml::Value;

/// Longer configurations hold nothing that shorter ones do not, and take longer.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Checks one input.
///
/// # Panics
/// If a promise of the loader is broken.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    match parse(text) {
        Ok(loaded) => {
            check_findings(text, &loaded.warnings);
            check_config(&loaded.config);
            let table: Table = toml::from_str(text).expect("what is used is TOML");
            check_networks(&table, &loaded.config);
            check_reload(text, &loaded.config);
        },
        Err(refused) => {
            assert!(!refused.report.mistakes.is_empty());
            check_findings(text, &refused.report.mistakes);
            check_findings(text, &refused.report.warnings);
            assert!(!refused.to_string().contains(char::is_control));
        },
    }
}

/// A finding is one line, and its place is in the text.
fn check_findings(text: &str, findings: &[Finding]) {
    let lines: Vec<&str> = text.split('\n').collect();
    for finding in findings {
        let shown = finding.to_string();
        assert!(!shown.contains(char::is_control), "{shown:?}");
        let line = finding
            .place
            .line
            .checked_sub(1)
            .and_then(|line| lines.get(line));
        let line = line.unwrap_or_else(|| panic!("no such line: {shown}"));
        let characters = line.chars().count();
        assert!(
            (1..=characters + 1).contains(&finding.place.column),
            "no such column: {shown}"
        );
    }
    assert!(findings.is_sorted_by_key(|finding| (finding.place.line, finding.place.column)));
}

/// What the rest of the process takes for granted.
fn check_config(config: &Config) {
    assert!(!config.listeners.is_empty());
    for listener in &config.listeners {
        let is_tcp = matches!(listener.address, ListenAddress::Tcp(_));
        if is_tcp && listener.proxy_protocol != ProxyProtocol::Off {
            assert!(!listener.trusted_proxies.is_empty());
        }
        // Certificates are files, and here are none.
        assert!(listener.tls_certificates.is_empty());
        if let Some(name) = &listener.default_tenant {
            assert!(config.tenants.contains_key(name));
        }
    }
    for (name, tenant) in &config.tenants {
        assert_eq!(*name, tenant.name);
        assert!(!tenant.endpoints.is_empty());
        let users = tenant.users.values().map(|user| &user.pool);
        for pool in users.chain([&tenant.pool]) {
            assert!(pool.pool_size == 0 || pool.min_pool_size <= pool.pool_size);
        }
    }
    for row in config.show() {
        assert!(!row.key.is_empty());
    }
}

/// Reads every list of networks another way and compares.
fn check_networks(table: &Table, config: &Config) {
    let named = [rows(table, "listener"), rows(table, "tenant")].concat();
    if named.into_iter().any(|row| name_of(row).contains("${")) {
        // A name that depends on the environment cannot be looked up by what is written.
        return;
    }
    for row in rows(table, "listener") {
        let name = name_of(row);
        let listener = config
            .listeners
            .iter()
            .find(|listener| listener.name == name);
        let listener = listener.expect("a listener is there by its name");
        check_list(row.get("trusted_proxies"), Some(&listener.trusted_proxies));
    }
    let tenants = rows(table, "tenant");
    assert_eq!(tenants.len(), config.tenants.len());
    for row in tenants {
        let network = &config.tenants[name_of(row)].network;
        let written = |key: &str| row.get("network").and_then(|table| table.get(key));
        check_list(written("allow"), network.allow.as_ref());
        check_list(written("deny"), Some(&network.deny));
        let endpoints = written("private_endpoints")
            .and_then(Value::as_array)
            .map(Vec::len);
        assert_eq!(endpoints, network.private_endpoints.as_ref().map(Vec::len));
    }
}

/// Every entry is there, at its place, and covers exactly what it says.
fn check_list(written: Option<&Value>, used: Option<&Vec<IpNet>>) {
    let Some(written) = written else {
        return assert!(used.is_none_or(Vec::is_empty));
    };
    let written = written.as_array().expect("a list is a list");
    let used = used.expect("a list that is written is used");
    assert_eq!(written.len(), used.len());
    for (entry, network) in written.iter().zip(used) {
        let entry = entry.as_str().expect("an entry is text");
        // There is no environment here, so a reference is its default or refused; what a default
        // says is the interpolation's own affair.
        if !entry.contains("${") {
            check_entry(entry, *network);
        }
    }
}

fn check_entry(entry: &str, network: IpNet) {
    let (address, prefix) = match entry.split_once('/') {
        Some((address, prefix)) => (address, prefix.parse::<u8>().ok()),
        None => (entry, None),
    };
    let address: IpAddr = address.parse().expect("an entry begins with an address");
    // Both families as 128 bits, IPv4 in its mapped form.
    let (bits, longest) = match address {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped().to_bits(), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let prefix = prefix.unwrap_or(longest);
    let kept = u32::from(prefix) + 128 - u32::from(longest);
    let free = u128::MAX.checked_shr(kept).unwrap_or(0);
    assert_eq!(bits & free, 0, "{entry} has bits beyond its prefix");
    let canonical = |bits: u128| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical();
    for inside in [bits, bits | free, bits | (free & 0x5555_5555_5555_5555)] {
        // `::/0` alone reaches over the mapped addresses, which are IPv4 and not meant by it.
        if kept > 0 || canonical(inside).is_ipv6() {
            assert!(
                network.contains(&canonical(inside)),
                "{entry} must contain {inside:x}"
            );
        }
    }
    if kept > 0 {
        for outside in [bits ^ (free + 1), bits ^ (1 << 127)] {
            assert!(
                !network.contains(&canonical(outside)),
                "{entry} must not contain {outside:x}"
            );
        }
    }
}

/// The same text changes nothing; and everything that is there came from somewhere.
fn check_reload(text: &str, config: &Config) {
    let again = parse(text).expect("it was accepted before").config;
    let (next, changes) = reload(config, again);
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(next, *config);
    // As a reload of a running node that has nothing of it yet: all is applied or named.
    let (next, _changes) = reload(&Config::default(), config.clone());
    assert_eq!(next.tenants, config.tenants);
}

fn rows<'a>(table: &'a Table, key: &str) -> Vec<&'a Table> {
    let rows = table.get(key).and_then(Value::as_array);
    rows.into_iter()
        .flatten()
        .filter_map(Value::as_table)
        .collect()
}

/// The name of a row.
fn name_of(row: &Table) -> &str {
    row.get("name")
        .and_then(Value::as_str)
        .expect("a row has a name")
}
