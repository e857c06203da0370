//! One connection to a `PostgreSQL` server, and what is known of where its conversation stands.
//!
//! A server belongs to one place at a time: the idle list of its pool, a lease, or a task that
//! resets or tests it. It never knows which client it serves.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tidegate_proto::exchange::Ledger;
use tokio::time::Instant;

use crate::config::Endpoint;
use crate::net::AgreedTls;
use crate::net::Outgoing;
use crate::net::Socket;
use crate::pool::Notices;
use crate::pool::OwnRounds;
use crate::pool::Pool;
use crate::pool::Prepared;
use crate::pool::Reported;
use crate::pool::Settings;
use crate::routing::Lsn;
use crate::tenancy::ServerPermit;

/// One connection to a server.
#[derive(Debug)]
pub struct Server {
    /// The pool that it was opened for, and counts in.
    pub pool: Rc<Pool>,
    /// The connection.
    pub socket: Socket,
    /// The replies it owes.
    pub ledger: Ledger,
    /// Where in its byte stream the reading stands.
    pub incoming: Incoming,
    /// What the ledger counts on and the server has not been sent yet.
    pub promised: Promised,
    /// The statements that it has prepared.
    pub prepared: Prepared,
    /// What it said of itself at its login.
    pub reported: Rc<Reported>,
    /// What it raised meanwhile.
    pub notices: Rc<Notices>,
    /// What its session has set beyond the login.
    pub settings: Rc<Settings>,
    /// What the console shows of it.
    pub card: Rc<ServerCard>,
    /// It ran through a state that no reply describes (a failed reset, a lost byte): close it.
    pub is_broken: bool,
    /// Its connection may be dead: it is asked before it is lent again.
    pub(super) is_doubted: bool,
    /// It counts the server until it is dropped.
    pub(super) permit: ServerPermit,
}

/// Where the reading of a server's byte stream stands between two reads.
#[derive(Debug, Default)]
pub struct Incoming {
    /// The beginning of a message that was too short to decide on.
    pub held: Vec<u8>,
    /// Bytes of the current message's body that have not been read yet.
    pub body_bytes: usize,
    /// The current message is swallowed, not forwarded.
    pub swallows: bool,
    /// What comes next may have to be kept from the client.
    pub is_on_trial: bool,
}

impl Incoming {
    /// Whether the last byte read was the last of a message.
    pub fn is_between_messages(&self) -> bool {
        self.held.is_empty() && self.body_bytes == 0
    }
}

/// What of the messages to a server is still to be sent: it would take the next client's bytes for
/// these.
#[derive(Debug, Default)]
pub struct Promised {
    /// Bytes that its socket could not take yet.
    pub unsent: Option<Box<Outgoing>>,
    /// Bytes of the current message's body that its client has not said yet.
    pub body_bytes: usize,
}

impl Promised {
    /// Whether the last byte sent was the last of a message.
    pub fn is_kept(&self) -> bool {
        self.unsent.is_none() && self.body_bytes == 0
    }
}

/// The state of a server, in PgBouncer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerState {
    /// Connecting or logging in.
    Login,
    /// In its pool, free to be lent.
    Idle,
    /// Lent to a client.
    Active,
    /// Being reset or checked.
    Tested,
    /// Done with its client, while a cancel request meant for that client is still on its way.
    BeingCanceled,
}

/// What a `CancelRequest` must show to the server, as its `BackendKeyData` said.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BackendKey {
    /// The process id.
    pub process_id: u32,
    /// The secret: 4 to 256 bytes.
    pub secret: Box<[u8]>,
}

/// Whoever has the secret can cancel what anybody runs on the server.
impl fmt::Debug for BackendKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = formatter.debug_struct("BackendKey");
        key.field("process_id", &self.process_id)
            .finish_non_exhaustive()
    }
}

/// What the console shows of a server; shared by the server and its pool's list.
#[derive(Debug)]
pub struct ServerCard {
    /// A number unique in this process.
    pub id: u64,
    /// Its state.
    pub state: Cell<ServerState>,
    /// The client that it is lent to, by that client's number.
    pub client: Cell<Option<u64>>,
    /// When it was connected.
    pub connected_at: Instant,
    /// When it was last lent or given back.
    pub used_at: Cell<Instant>,
    /// The endpoint that it is a server of.
    pub endpoint: Arc<Endpoint>,
    /// What it had replayed when it was connected, of a server in the pool of a replica.
    pub replayed: Lsn,
    /// The primary is elsewhere by now: whoever has it must leave.
    pub is_stranded: Cell<bool>,
    /// What cancels it.
    pub key: BackendKey,
    /// Where it is; `None` on a unix socket.
    pub remote: Option<SocketAddr>,
    /// Our end; `None` on a unix socket.
    pub local: Option<SocketAddr>,
    /// What TLS was agreed on.
    pub tls: Option<AgreedTls>,
    /// How many statements it has prepared for its clients.
    pub statements: Cell<usize>,
    /// Close it at the next chance: its endpoint, its user or its age no longer fit.
    pub close_needed: Cell<bool>,
    /// Cancel requests on their way to it. It is not lent again while there are any, or one would
    /// hit the next client's query.
    pub cancels: Cell<u32>,
    /// What a cancel request waits for: it must not end what the pooler does for the client.
    pub own_rounds: OwnRounds,
}

impl Server {
    /// Whether nothing is owed, unread, unsent or half-said, and nothing is known against it.
    #[inline]
    pub fn is_clean(&self) -> bool {
        self.ledger.is_clean() && self.is_between_rounds()
    }

    /// Whether what is injected now can be told from what is the client's, though the server may
    /// never be lent again.
    pub fn can_be_told(&self) -> bool {
        let is_spoiled = self.ledger.is_spent() && !self.ledger.is_doubtful();
        (self.ledger.is_clean() || is_spoiled) && self.is_between_rounds()
    }

    /// Whether no message to it or from it is under way.
    pub(super) fn is_between_rounds(&self) -> bool {
        self.incoming.is_between_messages() && self.promised.is_kept() && !self.is_broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cancels_a_server_is_not_shown() {
        let key = BackendKey {
            process_id: 4711,
            secret: Box::from(*b"key!"),
        };
        let shown = format!("{key:?}");
        assert_eq!(shown, "BackendKey { process_id: 4711, .. }");
    }
}
