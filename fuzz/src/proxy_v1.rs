//! PROXY v1 lines: the parser's promises, and `ppp` as the second opinion.

use std::net::SocketAddr;

use ppp::v1::Addresses;
use tidegate_proto::proxy::Command;
use tidegate_proto::proxy::Progress;
use tidegate_proto::proxy::Versions;
use tidegate_proto::proxy::encode;
use tidegate_proto::proxy::parse;

use crate::proxy_header::check;

/// Checks one input.
///
/// # Panics
/// If a promise of the parser is broken, or if it accepts an address that `ppp` reads otherwise.
pub fn run(data: &[u8]) {
    let answer = check(data, Versions::V1);
    let second_opinion = ppp::v1::Header::try_from(data);
    match answer {
        Ok(Progress::Header { header, consumed }) => match header.command {
            Command::Proxy {
                source,
                destination,
            } => {
                let theirs = second_opinion.expect("ppp accepts what the parser accepts");
                assert_eq!(theirs.header.len(), consumed);
                assert_eq!(addresses(theirs.addresses), Some((source, destination)));
                check_round_trip(source, destination);
            },
            Command::Unknown => assert!(data.starts_with(b"PROXY UNKNOWN")),
            Command::Local => panic!("v1 has no LOCAL"),
        },
        Ok(Progress::NeedMore) => {
            assert!(
                second_opinion.is_err(),
                "ppp finds a whole line where none ends"
            );
        },
        Err(error) => {
            if let Ok(theirs) = second_opinion {
                let line = theirs.header.as_bytes();
                assert!(
                    is_stricter(line),
                    "ppp accepts what is refused with {error:?}"
                );
            }
        },
    }
}

/// What `ppp` does not check, and therefore accepts: a line without CR, a sign before a port, bytes
/// outside printable ASCII.
fn is_stricter(line: &[u8]) -> bool {
    match line.strip_suffix(b"\r\n") {
        Some(text) => text
            .iter()
            .any(|byte| !matches!(byte, 0x20..=0x7E) || *byte == b'+'),
        None => true,
    }
}

/// What the encoder writes for these addresses is read back as these addresses.
fn check_round_trip(source: SocketAddr, destination: SocketAddr) {
    let line = encode::v1(source, destination);
    let Ok(Progress::Header { header, consumed }) = parse(&line, Versions::V1) else {
        panic!("the encoder's line is not accepted");
    };
    assert_eq!(consumed, line.len());
    assert_eq!(
        header.command,
        Command::Proxy {
            source,
            destination
        }
    );
}

fn addresses(addresses: Addresses) -> Option<(SocketAddr, SocketAddr)> {
    let (source, destination) = match addresses {
        Addresses::Tcp4(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::Tcp6(pair) => (
            SocketAddr::from((pair.source_address, pair.source_port)),
            SocketAddr::from((pair.destination_address, pair.destination_port)),
        ),
        Addresses::Unknown => return None,
    };
    Some((canonical(source), canonical(destination)))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
