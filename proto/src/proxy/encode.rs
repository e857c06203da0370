//! Writes PROXY headers: for our own tools, and as the other half of the proof that they are read
//! correctly. It shares no code with the reading side but the checksum.
//!
//! Spec: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, §2.1 and §2.2.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use crate::limits::PROXY_HEADER_BYTES_MAX;
use crate::limits::PROXY_V2_FIXED_BYTES;
use crate::proxy::Cloud;
use crate::proxy::PrivateEndpoint;
use crate::proxy::crc32c;
use crate::proxy::tlv::PP2_SUBTYPE_AWS_VPCE_ID;
use crate::proxy::tlv::PP2_SUBTYPE_AZURE_PRIVATEENDPOINT_LINKID;
use crate::proxy::tlv::PP2_TYPE_AWS;
use crate::proxy::tlv::PP2_TYPE_AZURE;
use crate::proxy::tlv::PP2_TYPE_CRC32C;
use crate::proxy::tlv::PP2_TYPE_GCP;
use crate::proxy::tlv::PP2_TYPE_SSL;

/// The v1 line for a client's connection. If the families differ, both are written as IPv6.
pub fn v1(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (protocol, source_ip, destination_ip) = match (source.ip(), destination.ip()) {
        (source @ IpAddr::V4(_), destination @ IpAddr::V4(_)) => ("TCP4", source, destination),
        (source, destination) => (
            "TCP6",
            IpAddr::V6(mapped(source)),
            IpAddr::V6(mapped(destination)),
        ),
    };
    format!(
        "PROXY {protocol} {source_ip} {destination_ip} {} {}\r\n",
        source.port(),
        destination.port()
    )
    .into_bytes()
}

/// The v1 line of a sender that does not know its client.
pub fn v1_unknown() -> Vec<u8> {
    b"PROXY UNKNOWN\r\n".to_vec()
}

/// A v2 header under construction.
#[derive(Debug, Clone)]
pub struct V2 {
    bytes: Vec<u8>,
    checksum_offset: Option<usize>,
}

impl V2 {
    /// A LOCAL header, as health checks send it.
    pub fn local() -> Self {
        Self::new(0x20, 0x00)
    }

    /// A PROXY header of a sender that does not know its client.
    pub fn unspecified() -> Self {
        Self::new(0x21, 0x00)
    }

    /// A PROXY header for a client's TCP connection. If the families differ, both addresses are
    /// written as IPv6.
    pub fn proxy(source: SocketAddr, destination: SocketAddr) -> Self {
        let mut header = match (source.ip(), destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let mut header = Self::new(0x21, 0x11);
                header.bytes.extend(source.octets());
                header.bytes.extend(destination.octets());
                header
            },
            (source, destination) => {
                let mut header = Self::new(0x21, 0x21);
                header.bytes.extend(mapped(source).octets());
                header.bytes.extend(mapped(destination).octets());
                header
            },
        };
        header.bytes.extend(source.port().to_be_bytes());
        header.bytes.extend(destination.port().to_be_bytes());
        header
    }

    fn new(version_and_command: u8, family_and_transport: u8) -> Self {
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        bytes.extend([version_and_command, family_and_transport, 0, 0]);
        Self {
            bytes,
            checksum_offset: None,
        }
    }

    /// Appends a TLV.
    #[must_use]
    pub fn tlv(mut self, kind: u8, value: &[u8]) -> Self {
        push_tlv(&mut self.bytes, kind, value);
        self
    }

    /// Appends a `PP2_TYPE_SSL` with its flags, its verify word and its own TLVs.
    #[must_use]
    pub fn ssl(self, client: u8, verify: u32, tlvs: &[(u8, &[u8])]) -> Self {
        let mut value = vec![client];
        value.extend(verify.to_be_bytes());
        for (kind, text) in tlvs {
            push_tlv(&mut value, *kind, text);
        }
        self.tlv(PP2_TYPE_SSL, &value)
    }

    /// Appends the TLV by which the endpoint's cloud names it.
    #[must_use]
    pub fn private_endpoint(self, endpoint: &PrivateEndpoint) -> Self {
        match endpoint.cloud() {
            Cloud::Aws => {
                let mut value = vec![PP2_SUBTYPE_AWS_VPCE_ID];
                value.extend(endpoint.id().bytes());
                self.tlv(PP2_TYPE_AWS, &value)
            },
            Cloud::Azure => {
                let link_id: u32 = endpoint.id().parse().unwrap_or_default();
                let mut value = vec![PP2_SUBTYPE_AZURE_PRIVATEENDPOINT_LINKID];
                value.extend(link_id.to_le_bytes());
                self.tlv(PP2_TYPE_AZURE, &value)
            },
            Cloud::Gcp => {
                let psc_connection_id: u64 = endpoint.id().parse().unwrap_or_default();
                self.tlv(PP2_TYPE_GCP, &psc_connection_id.to_be_bytes())
            },
        }
    }

    /// Appends a `PP2_TYPE_CRC32C`, whose value [`finish`](Self::finish) computes over everything.
    #[must_use]
    pub fn crc32c(self) -> Self {
        let mut header = self.tlv(PP2_TYPE_CRC32C, &[0; 4]);
        header.checksum_offset = header.bytes.len().checked_sub(4);
        header
    }

    /// The header's bytes; `None` if there are more than [`PROXY_HEADER_BYTES_MAX`].
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.bytes.len() > PROXY_HEADER_BYTES_MAX {
            return None;
        }
        let block_bytes = u16::try_from(self.bytes.len() - PROXY_V2_FIXED_BYTES).ok()?;
        self.bytes
            .get_mut(PROXY_V2_FIXED_BYTES - 2..PROXY_V2_FIXED_BYTES)?
            .copy_from_slice(&block_bytes.to_be_bytes());
        if let Some(offset) = self.checksum_offset {
            let checksum = crc32c::checksum(&self.bytes, offset)?;
            self.bytes
                .get_mut(offset..offset + 4)?
                .copy_from_slice(&checksum.to_be_bytes());
        }
        Some(self.bytes)
    }
}

fn push_tlv(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    // A value too long for its length makes the header too long as well, so `finish` refuses it.
    let value_bytes = u16::try_from(value.len()).unwrap_or(u16::MAX);
    bytes.push(kind);
    bytes.extend(value_bytes.to_be_bytes());
    bytes.extend(value);
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
