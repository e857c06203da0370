//! Addresses of listeners and entries of network lists.

use std::net::SocketAddr;

use ipnet::IpNet;

use crate::config::network_list;
use crate::config::reading::problem::Problem;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;

impl SettingValue for SocketAddr {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "an address with a port, such as 127.0.0.1:9127 or [::]:9127";
        let text = written.text(EXPECTED)?;
        text.parse().ok().or_else(|| written.malformed(EXPECTED))
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}

impl SettingValue for IpNet {
    fn read(written: &Value<'_>) -> Option<Self> {
        let text = written.text("an address or a network in quotes, such as \"10.0.0.0/8\"")?;
        match network_list::parse_network(&text) {
            Ok(network) => Some(network),
            Err(error) => written.refuse(Problem::Network {
                value: written.quoted(),
                error,
            }),
        }
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}
