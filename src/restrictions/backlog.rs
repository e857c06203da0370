//! How many connections may stand unauthenticated, in all and by client address.
//!
//! A connection is counted from accept until it is authenticated or closed. The address joins later,
//! when the PROXY header has named it: counting by the peer's would count the balancer.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use dashmap::DashMap;
use dashmap::Entry;

use crate::config;
use crate::limits::UNAUTHENTICATED_COUNT_MAX;
use crate::tenancy::AddressPrefix;
use crate::tenancy::ClientAddress;

/// The unauthenticated connections of the node; one per process, shared by its workers.
#[derive(Debug, Default)]
pub struct Backlog {
    in_all: AtomicU32,
    in_all_max: AtomicU32,
    per_address_max: AtomicU32,
    /// Holds an entry only for addresses that have a connection now, so it is never larger than
    /// `in_all`, which is at most [`UNAUTHENTICATED_COUNT_MAX`].
    by_address: DashMap<AddressPrefix, u32>,
}

/// One unauthenticated connection, counted until it is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard ends the count"]
pub struct BacklogGuard {
    backlog: Arc<Backlog>,
    address: Option<AddressPrefix>,
}

/// Too many connections stand unauthenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BacklogFull {
    /// In all.
    #[error("too many connections stand unauthenticated")]
    InAll,
    /// From this address, or from its /64.
    #[error("too many connections from this address stand unauthenticated")]
    ByAddress,
}

impl Backlog {
    /// Nothing held, with the limits of this configuration.
    pub fn new(node: &config::Node) -> Self {
        let backlog = Self::default();
        backlog.reload(node);
        backlog
    }

    /// Takes the limits of a new configuration. Connections above a lowered one stay.
    pub fn reload(&self, node: &config::Node) {
        let in_all_max = match node.max_unauthenticated {
            0 => UNAUTHENTICATED_COUNT_MAX,
            some => some.min(UNAUTHENTICATED_COUNT_MAX),
        };
        self.in_all_max.store(in_all_max, Ordering::Release);
        self.per_address_max
            .store(node.max_unauthenticated_per_address, Ordering::Release);
    }

    /// Counts a connection that was just accepted.
    ///
    /// # Errors
    /// [`BacklogFull::InAll`]: the connection is to be closed without a word.
    pub fn enter(self: &Arc<Self>) -> Result<BacklogGuard, BacklogFull> {
        let max = self.in_all_max.load(Ordering::Acquire);
        self.in_all
            .try_update(Ordering::AcqRel, Ordering::Acquire, |held| {
                (held < max).then_some(held + 1)
            })
            .map_err(|_held| BacklogFull::InAll)?;
        Ok(BacklogGuard {
            backlog: Arc::clone(self),
            address: None,
        })
    }

    /// Connections that stand unauthenticated.
    pub fn in_all(&self) -> u32 {
        self.in_all.load(Ordering::Acquire)
    }

    /// Addresses they come from.
    pub fn addresses(&self) -> usize {
        self.by_address.len()
    }

    fn count_address(&self, prefix: AddressPrefix) -> Result<(), BacklogFull> {
        let max = match self.per_address_max.load(Ordering::Acquire) {
            0 => u32::MAX,
            some => some,
        };
        match self.by_address.entry(prefix) {
            Entry::Occupied(mut held) if *held.get() < max => *held.get_mut() += 1,
            Entry::Occupied(_) => return Err(BacklogFull::ByAddress),
            Entry::Vacant(free) => drop(free.insert(1)),
        }
        Ok(())
    }
}

impl BacklogGuard {
    /// Counts the connection for its client too, once that is known. Clients of a unix socket are
    /// counted in all only: they have no address to tell them apart.
    ///
    /// # Errors
    /// [`BacklogFull::ByAddress`]: the connection is to be closed.
    pub fn attribute(&mut self, client: ClientAddress) -> Result<(), BacklogFull> {
        let prefix = client.prefix();
        if self.address.is_some() || prefix == AddressPrefix::Unix {
            return Ok(());
        }
        self.backlog.count_address(prefix)?;
        self.address = Some(prefix);
        Ok(())
    }
}

impl Drop for BacklogGuard {
    fn drop(&mut self) {
        if let Some(prefix) = self.address {
            self.backlog.by_address.remove_if_mut(&prefix, |_, held| {
                *held = held.saturating_sub(1);
                *held == 0
            });
        }
        self.backlog.in_all.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenancy::PeerAddress;
    use crate::tenancy::UnixPeer;
    use std::thread;

    fn backlog(in_all: u32, per_address: u32) -> Arc<Backlog> {
        Arc::new(Backlog::new(&config::Node {
            max_unauthenticated: in_all,
            max_unauthenticated_per_address: per_address,
            ..config::Node::default()
        }))
    }

    fn client(address: &str) -> ClientAddress {
        ClientAddress::from_proxy_source(format!("{address}:1").parse().unwrap())
    }

    #[test]
    fn the_cap_in_all_is_exact_and_a_dropped_guard_makes_room() {
        let backlog = backlog(2, 0);
        let first = backlog.enter().unwrap();
        let _second = backlog.enter().unwrap();
        assert_eq!(backlog.enter().unwrap_err(), BacklogFull::InAll);
        drop(first);
        let _third = backlog.enter().unwrap();
        assert_eq!(backlog.in_all(), 2);
    }

    #[test]
    fn one_address_cannot_take_the_places_of_another() {
        let backlog = backlog(10, 1);
        let mut first = backlog.enter().unwrap();
        first.attribute(client("192.0.2.1")).unwrap();
        let mut second = backlog.enter().unwrap();
        assert_eq!(
            second.attribute(client("[::ffff:192.0.2.1]")),
            Err(BacklogFull::ByAddress)
        );
        let mut other = backlog.enter().unwrap();
        other.attribute(client("192.0.2.2")).unwrap();
        drop(first);
        second.attribute(client("192.0.2.1")).unwrap();
    }

    #[test]
    fn the_addresses_of_one_slash_64_share_their_places() {
        let backlog = backlog(10, 1);
        let mut first = backlog.enter().unwrap();
        first.attribute(client("[2001:db8::1]")).unwrap();
        let mut second = backlog.enter().unwrap();
        assert!(second.attribute(client("[2001:db8::2]")).is_err());
    }

    #[test]
    fn clients_of_a_unix_socket_count_in_all_only() {
        let backlog = backlog(2, 1);
        let unix = ClientAddress::from(PeerAddress::from_unix(UnixPeer::default()));
        let mut guards = [backlog.enter().unwrap(), backlog.enter().unwrap()];
        for guard in &mut guards {
            guard.attribute(unix).unwrap();
        }
        assert_eq!(backlog.addresses(), 0);
        assert!(backlog.enter().is_err());
    }

    #[test]
    fn attributing_twice_counts_once() {
        let backlog = backlog(2, 1);
        let mut guard = backlog.enter().unwrap();
        guard.attribute(client("192.0.2.1")).unwrap();
        guard.attribute(client("192.0.2.1")).unwrap();
        drop(guard);
        assert_eq!((backlog.in_all(), backlog.addresses()), (0, 0));
    }

    #[test]
    fn without_a_configured_limit_the_fixed_one_holds() {
        let backlog = backlog(0, 0);
        let guards: Vec<_> = std::iter::from_fn(|| backlog.enter().ok()).collect();
        assert_eq!(guards.len(), UNAUTHENTICATED_COUNT_MAX as usize);
    }

    #[test]
    fn nothing_is_left_behind_by_eight_threads() {
        let backlog = backlog(20, 3);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for round in 0..5_000 {
                        let Ok(mut guard) = backlog.enter() else {
                            continue;
                        };
                        assert!(backlog.in_all() <= 20);
                        let address = format!("192.0.2.{}", round % 4);
                        if guard.attribute(client(&address)).is_ok() {
                            assert!(backlog.addresses() <= 4);
                        }
                    }
                });
            }
        });
        assert_eq!((backlog.in_all(), backlog.addresses()), (0, 0));
    }
}
