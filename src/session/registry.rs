//! The live sessions of one worker: for the console, for cancel requests, and for everything that
//! ends sessions by time or by a change of the rules.

use std::cell::Cell;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::CLIENTS_PER_TICK_COUNT;
use crate::limits::CLOSING_TIMEOUT;
use crate::limits::ENTRANCES_COUNT_MAX;
use crate::pool::Home;
use crate::pool::ServerCard;
use crate::session::CancelKeys;
use crate::session::Client;
use crate::session::ClientState;
use crate::session::Ending;
use crate::session::in_order::InOrder;

/// The live sessions of one worker, by number.
#[derive(Debug, Default)]
pub struct Registry {
    clients: RefCell<InOrder<Rc<Client>>>,
    /// What they are canceled by.
    pub(super) keys: Arc<CancelKeys>,
    /// How they came in.
    entrances: RefCell<Vec<Rc<Entrance>>>,
    /// The clients before this number have had their turn.
    turn: Cell<u64>,
}

/// A client in the registry; dropping it takes it out.
#[derive(Debug)]
pub(super) struct Registered(Rc<Client>);

/// How clients came in: one for all that came in alike.
#[derive(Debug)]
pub struct Entrance {
    registry: Weak<Registry>,
    keys: Arc<CancelKeys>,
    /// Our end of the connection; `None` on a unix socket.
    pub local: Option<SocketAddr>,
    /// The database, by the name that the client gave, if that is not its name on the server.
    pub(super) alias: Option<Box<str>>,
}

impl Registry {
    /// Nobody is there yet. `keys` are those of the node.
    pub fn new(keys: Arc<CancelKeys>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// Registers a client.
    pub(super) fn register(&self, client: Rc<Client>) -> Registered {
        let mut clients = self.clients.borrow_mut();
        clients.push(client.id(), Rc::clone(&client));
        Registered(client)
    }

    /// How a client came in whose connection ends at this address of ours, and who calls its database
    /// so.
    pub(super) fn entrance(
        self: &Rc<Self>,
        local: Option<SocketAddr>,
        alias: Option<&str>,
    ) -> Rc<Entrance> {
        let mut entrances = self.entrances.borrow_mut();
        let is_alike =
            |known: &&Rc<Entrance>| known.local == local && known.alias.as_deref() == alias;
        if let Some(known) = entrances.iter().find(is_alike) {
            return Rc::clone(known);
        }
        if entrances.len() == ENTRANCES_COUNT_MAX {
            // Whoever came in by one of them keeps it.
            entrances.clear();
        }
        let entrance = Rc::new(Entrance {
            registry: Rc::downgrade(self),
            keys: Arc::clone(&self.keys),
            local,
            alias: alias.map(Box::from),
        });
        entrances.push(Rc::clone(&entrance));
        entrance
    }

    /// The client with this number, if it is still there.
    pub fn client(&self, id: u64) -> Option<Rc<Client>> {
        self.clients.borrow().get(id).map(Rc::clone)
    }

    /// All clients, in the order in which they came.
    pub fn clients(&self) -> Vec<Rc<Client>> {
        self.clients.borrow().values().map(Rc::clone).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the sessions whose time is up: of those that have a server or are closing, and of as many
    /// others as have their turn.
    pub fn tick(&self, home: &Home, now: Instant) {
        let clients = self.clients.borrow();
        let mut closing = home.closing.borrow_mut();
        closing.retain(|number| clients.get(*number).is_some());
        for number in home.lent_to().iter().chain(&*closing) {
            if let Some(client) = clients.get(*number) {
                look_at(client, now);
            }
        }
        drop(closing);
        let mut others = clients.from(self.turn.get());
        for (_, client) in others.by_ref().take(CLIENTS_PER_TICK_COUNT) {
            look_at(client, now);
        }
        // Behind the last one it begins again.
        let next = others.next().map_or(0, |(number, _)| number);
        self.turn.set(next);
    }

    /// Asks every session to end.
    pub fn end_all(&self, ending: Ending) {
        for client in self.clients.borrow().values() {
            client.end(ending);
        }
    }
}

fn look_at(client: &Client, now: Instant) {
    match client.closing_since() {
        Some(since) if now.duration_since(since) >= CLOSING_TIMEOUT => client.abandon(),
        Some(_) => {},
        None => {
            if let Some(ending) = overdue(client, now) {
                client.end(ending);
            }
        },
    }
}

/// The limit in time that a client is over, if any.
fn overdue(client: &Client, now: Instant) -> Option<Ending> {
    let is_stranded = |server: &Rc<ServerCard>| server.is_stranded.get();
    if client.server().as_ref().is_some_and(is_stranded) {
        return Some(Ending::PrimaryMoved);
    }
    let user = client.pool.user();
    let settings = &user.pool;
    let is_over =
        |limit: Duration, since: Instant| !limit.is_zero() && now.duration_since(since) >= limit;
    if is_over(settings.client_lifetime, client.facts.connected_at) {
        return Some(Ending::LifetimeOver);
    }
    let since = client.since.get();
    // In session mode, or pinned, a client keeps its server between transactions.
    let is_resting = client.transaction_since.get().is_none();
    match client.state.get() {
        ClientState::Active if is_resting => {
            is_over(settings.client_idle_timeout, since).then_some(Ending::IdleTimeout)
        },
        ClientState::Idle => {
            is_over(settings.client_idle_timeout, since).then_some(Ending::IdleTimeout)
        },
        ClientState::Active if client.is_idle_in_transaction.get() => {
            is_over(settings.idle_transaction_timeout, since)
                .then_some(Ending::IdleTransactionTimeout)
                .or_else(|| transaction_overdue(client, is_over))
        },
        ClientState::Active => is_over(settings.query_timeout, since)
            .then_some(Ending::QueryTimeout)
            .or_else(|| transaction_overdue(client, is_over)),
        ClientState::Login | ClientState::Waiting => None,
    }
}

fn transaction_overdue(
    client: &Client,
    is_over: impl Fn(Duration, Instant) -> bool,
) -> Option<Ending> {
    let limit = client.pool.user().pool.transaction_timeout;
    let since = client.transaction_since.get()?;
    is_over(limit, since).then_some(Ending::TransactionTimeout)
}

impl Deref for Registered {
    type Target = Client;

    #[inline]
    fn deref(&self) -> &Client {
        &self.0
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let entrance = &self.facts.entrance;
        if let Some(key) = self.facts.key.get() {
            entrance.keys.revoke(key);
        }
        // A worker that ends may be without its registry before its last session goes.
        let Some(registry) = entrance.registry.upgrade() else {
            return;
        };
        let registered = registry.clients.borrow_mut().remove(self.id());
        // Not while the registry is borrowed: with its client a pool may end.
        drop(registered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn clients_that_came_in_alike_share_what_is_known_of_that() {
        let registry = Rc::new(Registry::default());
        let first = registry.entrance(Some(at(6432)), None);
        assert!(Rc::ptr_eq(&first, &registry.entrance(Some(at(6432)), None)));
        for (local, alias) in [
            (None, None),
            (Some(at(6433)), None),
            (Some(at(6432)), Some("shop")),
        ] {
            let other = registry.entrance(local, alias);
            assert!(!Rc::ptr_eq(&first, &other));
            assert_eq!((other.local, other.alias.as_deref()), (local, alias));
        }
    }

    #[test]
    fn a_worker_does_not_remember_every_address_that_was_ever_used() {
        let registry = Rc::new(Registry::default());
        let first = registry.entrance(Some(at(0)), None);
        for port in 1..1000 {
            registry.entrance(Some(at(port)), None);
            assert!(registry.entrances.borrow().len() <= ENTRANCES_COUNT_MAX);
        }
        assert_eq!(first.local, Some(at(0)));
    }
}
