//! What is known of one name: the addresses that it has, those that it had, and those that do not
//! take connections.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::ADDRESS_REMEMBERED_FOR;
use crate::limits::ADDRESS_RETURNS_MAX;
use crate::limits::ADDRESS_SHUNNED_FOR;
use crate::limits::ADDRESSES_COUNT_MAX;
use crate::limits::NAME_KEPT_FOR;

/// For how long an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAges {
    /// One that has addresses: `dns_max_ttl`.
    pub answer_max: Duration,
    /// One that has none, or none at all: `dns_nxdomain_ttl`.
    pub failure_max: Duration,
}

/// What is known of one name.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// As they were answered, without a port.
    addresses: Vec<SocketAddr>,
    /// When that was.
    answered_at: Option<Instant>,
    /// What the resolver said last, if that has no addresses.
    failure: Option<String>,
    /// When it last said anything.
    settled_at: Option<Instant>,
    fresh_until: Option<Instant>,
    former: Vec<Former>,
    /// Those that have just not taken a connection.
    shunned: Vec<(IpAddr, Instant)>,
}

/// An address that the name had once.
#[derive(Debug)]
struct Former {
    address: IpAddr,
    left_at: Instant,
    /// How often it came back.
    returns: u32,
}

/// What is to be done by whoever needs addresses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To use these.
    Use(Vec<SocketAddr>),
    /// To go without: this is what the resolver says.
    Fail(String),
    /// To look the name up, and to use these, if there are any, when that takes too long.
    LookUp(Vec<SocketAddr>),
}

impl Known {
    /// The resolver has said something. Whether the name has other addresses now.
    pub(super) fn settle(
        &mut self,
        found: io::Result<Vec<SocketAddr>>,
        ages: NameAges,
        now: Instant,
    ) -> bool {
        self.settled_at = Some(now);
        let mut found = match found {
            Ok(found) if !found.is_empty() => found,
            found => {
                let error = found.err();
                let words = error.map_or_else(|| NO_ADDRESS.to_owned(), |error| error.to_string());
                self.failure = Some(words);
                self.fresh_until = Some(now + ages.failure_max);
                return false;
            },
        };
        let mut seen = Vec::new();
        found.retain(|address| {
            let is_new = !seen.contains(&address.ip());
            seen.push(address.ip());
            is_new
        });
        found.truncate(ADDRESSES_COUNT_MAX);
        self.failure = None;
        self.answered_at = Some(now);
        self.fresh_until = Some(now + ages.answer_max);
        self.replace(found, now)
    }

    fn replace(&mut self, found: Vec<SocketAddr>, now: Instant) -> bool {
        let before = std::mem::replace(&mut self.addresses, found);
        let left = before.iter().filter(|address| !self.has(address.ip()));
        let left: Vec<IpAddr> = left.map(SocketAddr::ip).collect();
        let is_same = left.is_empty() && before.len() == self.addresses.len();
        let is_remembered =
            |former: &Former| now.duration_since(former.left_at) < ADDRESS_REMEMBERED_FOR;
        self.former.retain(is_remembered);
        for former in &mut self.former {
            let is_there = |known: &SocketAddr| known.ip() == former.address;
            let was_there = before.iter().any(is_there);
            former.returns += u32::from(!was_there && self.addresses.iter().any(is_there));
        }
        for address in left {
            let is_full = self.former.len() >= ADDRESSES_COUNT_MAX;
            let mut known = self.former.iter_mut();
            if let Some(former) = known.find(|former| former.address == address) {
                former.left_at = now;
            } else if !is_full {
                self.former.push(Former {
                    address,
                    left_at: now,
                    returns: 0,
                });
            }
        }
        !is_same && !before.is_empty()
    }

    fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|known| known.ip() == address)
    }

    /// Whether the name leads to this address no more. Of one whose answers come back to addresses that
    /// they have just left, each names a part of what there is.
    pub(super) fn has_left(&self, address: IpAddr, now: Instant) -> bool {
        if self.addresses.is_empty() || self.has(address) {
            return false;
        }
        let returns: u32 = self.former.iter().map(|former| former.returns).sum();
        let is_away = |former: &Former| {
            let away_for = now.duration_since(former.left_at);
            former.address == address && away_for < ADDRESS_REMEMBERED_FOR
        };
        let rotates = returns >= ADDRESS_RETURNS_MAX;
        !(rotates && self.former.iter().any(is_away))
    }

    /// What is to be done by whoever needs addresses since `begun`.
    pub(super) fn verdict(&self, begun: Instant, now: Instant) -> Verdict {
        let is_fresh = self.is_fresh(now) || self.settled_at.is_some_and(|at| at >= begun);
        let is_kept = |at: Instant| now.duration_since(at) < NAME_KEPT_FOR;
        let is_usable = self.answered_at.is_some_and(is_kept);
        let addresses = if is_usable {
            self.in_order(now)
        } else {
            Vec::new()
        };
        match (&self.failure, is_fresh) {
            (_, false) => Verdict::LookUp(addresses),
            (Some(words), true) if addresses.is_empty() => Verdict::Fail(words.clone()),
            (_, true) => Verdict::Use(addresses),
        }
    }

    /// Whether what the resolver said last is young enough.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.fresh_until.is_some_and(|until| now < until)
    }

    /// Until when it is; `now`, if it is not.
    pub(super) fn fresh_until(&self, now: Instant) -> Instant {
        self.fresh_until.map_or(now, |until| until.max(now))
    }

    /// The addresses as the resolver has them.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether the resolver's last word was no answer.
    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Those that have just not taken a connection come last.
    fn in_order(&self, now: Instant) -> Vec<SocketAddr> {
        let mut addresses = self.addresses.clone();
        let is_shunned = |address: &SocketAddr| {
            let mut shunned = self.shunned.iter();
            shunned.any(|(known, until)| *known == address.ip() && now < *until)
        };
        addresses.sort_by_key(is_shunned);
        addresses
    }

    /// An address has taken a connection, or has not.
    pub(super) fn tried(&mut self, address: IpAddr, is_reached: bool, now: Instant) {
        self.shunned
            .retain(|(known, until)| *known != address && now < *until);
        if !is_reached && self.has(address) {
            self.shunned.push((address, now + ADDRESS_SHUNNED_FOR));
        }
    }
}

/// What is said where the resolver says nothing.
const NO_ADDRESS: &str = "it has no address";
