//! What a load balancer says before its client does: PROXY headers made by hand, for listeners that
//! take them from the tests themselves.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use tidegate_proto::proxy::Cloud;
use tidegate_proto::proxy::PrivateEndpoint;
use tidegate_proto::proxy::encode::V2;

use super::WireError;

/// The lines of a listener that demands what these functions make.
pub const BEHIND_A_BALANCER: &str = "proxy_protocol = \"v2\"\ntrusted_proxies = [\"127.0.0.1\"]";

const DESTINATION: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5432);

/// The v2 header of a client at this address, with a checksum as AWS sends it.
///
/// # Errors
/// [`WireError::Login`] if it is no address.
pub fn proxied(source: &str) -> Result<Vec<u8>, WireError> {
    finish(header(source)?)
}

/// The same for a client that came through a private endpoint of a cloud.
///
/// # Errors
/// [`WireError::Login`] if the cloud gives no such id.
pub fn proxied_through(source: &str, cloud: &str, id: &str) -> Result<Vec<u8>, WireError> {
    let endpoint = Cloud::from_name(cloud).and_then(|cloud| PrivateEndpoint::new(cloud, id));
    let endpoint = endpoint.ok_or_else(|| odd(&format!("{cloud} {id} is no endpoint")))?;
    finish(header(source)?.private_endpoint(&endpoint))
}

fn header(source: &str) -> Result<V2, WireError> {
    let source: IpAddr = source
        .parse()
        .map_err(|_error| odd(&format!("{source} is no address")))?;
    Ok(V2::proxy(SocketAddr::new(source, 40_000), DESTINATION))
}

fn finish(header: V2) -> Result<Vec<u8>, WireError> {
    header
        .crc32c()
        .finish()
        .ok_or_else(|| odd("a header too long"))
}

fn odd(text: &str) -> WireError {
    WireError::Login(text.to_owned())
}
