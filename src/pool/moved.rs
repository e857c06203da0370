//! A name leads elsewhere: servers at addresses that it has no more go as they come back, so that a
//! failover by DNS moves a pool. And a replica's pool stays where its endpoint is looked at: what is
//! known of an endpoint is known of one instance.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::Endpoint;
use crate::config::Host;
use crate::pool::Names;
use crate::pool::Pool;
use crate::pool::ServerCard;

/// What a pool knows of the name that its servers are reached by.
#[derive(Debug, Default)]
pub(super) struct NameWatch {
    /// When the name is to be asked for again.
    due: Cell<Option<Instant>>,
    /// The version of all names, and of this one, that its servers were held against.
    all: Cell<u64>,
    own: Cell<u64>,
    /// Where a replica's servers are opened: where it is looked at.
    address: Cell<Option<SocketAddr>>,
}

impl NameWatch {
    /// Another server is here, wherever it was opened.
    pub(super) fn look_again(&self) {
        self.all.set(0);
        self.own.set(0);
    }

    /// The one address that servers are opened at; none if any will do.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        self.address.get()
    }
}

impl Pool {
    /// Lets servers go, as they come back, that are where their name does not lead any more; has the
    /// name looked up while there are any.
    pub(super) fn leave_former_addresses(self: &Rc<Self>, now: Instant) {
        let Some(names) = self.home.dial.names().filter(|_| self.opened.get() > 0) else {
            return;
        };
        let endpoint = self.endpoint();
        let Some(name) = endpoint.as_ref().and_then(|endpoint| name_of(endpoint)) else {
            return;
        };
        let watch = &self.name_watch;
        let is_due = watch.due.get().is_none_or(|due| due <= now);
        if is_due {
            let due = names.keep_fresh(name, self.key.tenant(), now);
            watch.due.set(Some(due));
        }
        let all = names.version();
        if watch.all.replace(all) == all && !is_due {
            return;
        }
        // Where answers took turns, an address may have been away for long enough by now.
        let own = names.version_of(name);
        if watch.own.replace(own) != own || is_due {
            self.leave(names, now);
        }
    }

    fn leave(&self, names: &Arc<Names>, now: Instant) {
        let mut left = 0;
        for card in self.cards.borrow().iter() {
            if !card.close_needed.get() && is_left(names, card, now) {
                card.close_needed.set(true);
                left += 1;
            }
        }
        if left > 0 {
            tracing::info!(
                tenant = self.tenant.name(),
                database = self.key.database(),
                user = self.key.user(),
                servers = left,
                "servers go that are at addresses which their name has no more"
            );
        }
    }

    /// The endpoint is looked at there: what is known of it says nothing of servers elsewhere.
    pub(super) fn stay_at(self: &Rc<Self>, address: Option<SocketAddr>, now: Instant) {
        let before = self.name_watch.address.replace(address);
        if before.is_some() && before != address {
            self.reconnect(now);
        }
    }
}

/// Whether a server is where its name does not lead any more.
fn is_left(names: &Names, card: &ServerCard, now: Instant) -> bool {
    let (Some(name), Some(remote)) = (name_of(&card.endpoint), card.remote) else {
        return false;
    };
    names.has_left(name, remote.ip(), now)
}

pub(super) fn name_of(endpoint: &Endpoint) -> Option<&str> {
    match &endpoint.host {
        Host::Name(name) => Some(name),
        Host::Address(_) | Host::Unix(_) => None,
    }
}
