//! A server on its way from one worker's part of a pool to another's.
//!
//! Only a clean server travels: what is left of it is its connection, what its session has set, and
//! the statements that it must be made to forget, whose names mean nothing where it arrives.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tidegate_proto::exchange::Ledger;
use tokio::time::Instant;

use crate::config::Endpoint;
use crate::net::AgreedTls;
use crate::net::Socket;
use crate::pool::BackendKey;
use crate::pool::Incoming;
use crate::pool::Notices;
use crate::pool::OwnRounds;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::PoolKey;
use crate::pool::Prepared;
use crate::pool::Promised;
use crate::pool::Reported;
use crate::pool::Server;
use crate::pool::ServerCard;
use crate::pool::ServerState;
use crate::pool::Settings;
use crate::pool::pool::Login;
use crate::routing::Lsn;
use crate::tenancy::ServerPermit;

/// A server without a worker. It counts against all limits on its way.
#[derive(Debug)]
pub struct Traveller {
    pub(super) key: PoolKey,
    socket: Socket,
    settings: Settings,
    prepared: Prepared,
    card: TravelCard,
    permit: ServerPermit,
    /// Where, and as whom, it is logged in.
    login: Login,
    reported: Reported,
    notices: Notices,
    is_doubted: bool,
}

/// What stays of a card.
#[derive(Debug)]
struct TravelCard {
    id: u64,
    endpoint: Arc<Endpoint>,
    replayed: Lsn,
    connected_at: Instant,
    used_at: Instant,
    key: BackendKey,
    remote: Option<SocketAddr>,
    local: Option<SocketAddr>,
    tls: Option<AgreedTls>,
}

impl Server {
    /// Takes a clean server out of this worker.
    ///
    /// # Errors
    ///
    /// [`PoolError::Broke`] with the operating system's error: the connection is lost.
    pub(super) fn depart(mut self) -> Result<Traveller, PoolError> {
        debug_assert!(self.is_clean(), "only a clean server leaves");
        let parked = self.socket.transport_mut().park();
        parked.map_err(PoolError::Broke)?;
        self.prepared.close_all();
        let card = &self.card;
        Ok(Traveller {
            key: self.pool.key.clone(),
            card: TravelCard {
                id: card.id,
                endpoint: Arc::clone(&card.endpoint),
                replayed: card.replayed,
                connected_at: card.connected_at,
                used_at: card.used_at.get(),
                key: card.key.clone(),
                remote: card.remote,
                local: card.local,
                tls: card.tls,
            },
            socket: self.socket,
            settings: (*self.settings).clone(),
            prepared: self.prepared,
            permit: self.permit,
            login: self.pool.login(),
            reported: (*self.reported).clone(),
            notices: (*self.notices).clone(),
            is_doubted: self.is_doubted,
        })
    }
}

impl Traveller {
    /// Whether it is where, and who, the servers of this part of its pool are. The two parts may
    /// have taken over a new configuration at different times.
    fn is_of_use(&self, pool: &Pool) -> bool {
        let is_newer = |reconnected_at| self.card.connected_at > reconnected_at;
        self.login == pool.login() && pool.reconnected_at.get().is_none_or(is_newer)
    }

    /// The server, in this worker's part of its pool.
    ///
    /// # Errors
    ///
    /// As [`Server::depart`].
    pub(super) fn arrive(mut self, pool: &Rc<Pool>) -> Result<Server, PoolError> {
        let unparked = self.socket.transport_mut().unpark();
        unparked.map_err(PoolError::Broke)?;
        let is_of_use = self.is_of_use(pool);
        let mut welcomes = pool.welcomes.borrow_mut();
        let (reported, notices) = if is_of_use {
            // No server may have been opened here yet.
            (welcomes.learn(self.reported), welcomes.hear(self.notices))
        } else {
            (Rc::new(self.reported), Rc::new(self.notices))
        };
        drop(welcomes);
        let card = ServerCard {
            id: self.card.id,
            state: Cell::new(ServerState::Idle),
            client: Cell::new(None),
            connected_at: self.card.connected_at,
            used_at: Cell::new(self.card.used_at),
            endpoint: self.card.endpoint,
            replayed: self.card.replayed,
            is_stranded: Cell::new(false),
            key: self.card.key,
            remote: self.card.remote,
            local: self.card.local,
            tls: self.card.tls,
            statements: Cell::new(0),
            close_needed: Cell::new(!is_of_use),
            cancels: Cell::new(0),
            own_rounds: OwnRounds::default(),
        };
        Ok(Server {
            pool: Rc::clone(pool),
            socket: self.socket,
            ledger: Ledger::new(),
            incoming: Incoming::default(),
            promised: Promised::default(),
            prepared: self.prepared,
            reported,
            notices,
            settings: Rc::new(self.settings),
            card: Rc::new(card),
            is_broken: false,
            is_doubted: self.is_doubted,
            permit: self.permit,
        })
    }
}
