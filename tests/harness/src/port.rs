//! Ports that nobody uses.

use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use crate::failure::Failure;

/// Below the range from which the kernel takes ports for outgoing connections, so that none of
/// those can take a port between our look and its use.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A TCP port of the loopback addresses that is free now and is given to nobody else in this
/// process. Another process could still take it; each begins at a different place.
///
/// # Errors
/// [`Failure::Unexpected`] if all of twelve thousand ports are taken.
pub fn free_port() -> Result<u16, Failure> {
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let candidate = FIRST + begin.wrapping_add(step) % COUNT;
        let Ok(port) = u16::try_from(candidate) else {
            continue;
        };
        // Without SO_REUSEADDR semantics a port in TIME_WAIT would count as taken; the standard
        // library sets it, which is what a server does as well.
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Failure::Unexpected("no free port was found".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_never_while_it_is_taken() {
        let taken = free_port().unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        let others: Vec<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        let distinct: std::collections::BTreeSet<&u16> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
        assert!(!others.contains(&taken));
    }
}
