//! One connection to one endpoint that asks it, again and again, what it is and how far it has come.
//!
//! It logs in as the user of the pool that has the watch, counts against no limit, and ends with the
//! watch.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;

use tidegate_proto::backend::tag as backend;
use tidegate_proto::exchange::Ledger;
use tidegate_proto::exchange::Owner;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::Terminate;
use tidegate_proto::frontend::tag as frontend;
use tokio::time::Instant;

use crate::config::Endpoint;
use crate::limits::MONITOR_INTERVAL;
use crate::limits::MONITOR_INTERVAL_URGENT;
use crate::limits::MONITOR_INTERVAL_WANTED;
use crate::limits::MONITOR_PATIENCE_MAX;
use crate::limits::MONITOR_TIMEOUT;
use crate::net::Socket;
use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::connect;
use crate::pool::injected;
use crate::pool::moved::name_of;
use crate::pool::question;
use crate::pool::question::QUESTION;
use crate::pool::question::QUESTION_AGAIN;
use crate::pool::reset::within;
use crate::routing::Look;
use crate::routing::Sighting;
use crate::routing::Topology;
use crate::routing::Watch;

const SETTINGS: [(&str, &str); 3] = [
    ("search_path", "pg_catalog"),
    ("application_name", "tidegate monitor"),
    ("client_encoding", "UTF8"),
];

/// Looks at an endpoint for as long as there is a watch.
pub(super) fn look_after(pool: &Rc<Pool>, watch: &Rc<Watch>, endpoint: Arc<Endpoint>) {
    let (pool, watch) = (Rc::downgrade(pool), Rc::downgrade(watch));
    tokio::task::spawn_local(async move {
        let mut monitor = Monitor {
            endpoint,
            connection: None,
            failures: 0,
            name_due: None,
        };
        loop {
            let Some(pool) = pool.upgrade() else {
                break;
            };
            let topology = watch.upgrade().map(|watch| Arc::clone(watch.topology()));
            let Some(topology) = topology else {
                break;
            };
            if topology.rests(Instant::now()) {
                drop(pool);
                monitor.rest(&topology).await;
                continue;
            }
            let before = topology.version();
            let is_known = monitor.look(&pool, &topology).await;
            if topology.version() != before {
                pool.home.follow(pool.key.tenant(), Instant::now());
            }
            drop(pool);
            if !is_known {
                break;
            }
            monitor.pause(&topology).await;
        }
        monitor.leave();
    });
}

struct Monitor {
    endpoint: Arc<Endpoint>,
    connection: Option<Connection>,
    failures: u32,
    /// When its name is to be asked for again.
    name_due: Option<Instant>,
}

struct Connection {
    socket: Socket,
    /// Where its name led.
    address: Option<SocketAddr>,
    ledger: Ledger,
    opened_at: Instant,
    /// What it last said when it was asked everything, and when.
    told: Option<(Sighting, Instant)>,
}

impl Monitor {
    /// Asks once, and passes on what came of it. False if nobody wants to know any more.
    async fn look(&mut self, pool: &Pool, topology: &Topology) -> bool {
        self.leave_former_address(pool, topology, Instant::now());
        let seen = within(MONITOR_TIMEOUT, self.ask(pool, topology)).await;
        let (now, endpoint) = (Instant::now(), &*self.endpoint);
        match seen {
            Ok((sighting, look)) => {
                if std::mem::take(&mut self.failures) > 0 {
                    tracing::info!(
                        tenant = pool.tenant.name(),
                        endpoint = endpoint.name,
                        "an endpoint answers again"
                    );
                }
                topology.saw(endpoint, sighting, look)
            },
            Err(error) => {
                self.connection = None;
                let is_there = !error.is_of_reach();
                let error = error.chain();
                self.failures += 1;
                if self.failures == 1 {
                    tracing::warn!(
                        tenant = pool.tenant.name(),
                        endpoint = endpoint.name,
                        error,
                        "an endpoint does not answer"
                    );
                }
                if is_there {
                    pool.cannot_attend(now);
                }
                topology.failed(endpoint, error, is_there, now)
            },
        }
    }

    /// Its name may lead elsewhere by now, and what is still at its former address is another instance.
    fn leave_former_address(&mut self, pool: &Pool, topology: &Topology, now: Instant) {
        let name = name_of(&self.endpoint);
        let Some((names, name)) = pool.home.dial.names().zip(name) else {
            return;
        };
        if self.name_due.is_none_or(|due| due <= now) {
            self.name_due = Some(names.keep_fresh(name, pool.key.tenant(), now));
        }
        let address = self.connection.as_ref().and_then(|known| known.address);
        if address.is_some_and(|address| names.has_left(name, address.ip(), now)) {
            self.leave();
            self.connection = None;
            topology.lost(&self.endpoint);
        }
    }

    async fn ask(
        &mut self,
        pool: &Pool,
        topology: &Topology,
    ) -> Result<(Sighting, Look), PoolError> {
        let connection = if let Some(connection) = &mut self.connection {
            connection
        } else {
            let logged_in = connect::log_in(pool, &self.endpoint, None, &SETTINGS).await?;
            let (socket, _, address) = logged_in;
            topology.found_at(&self.endpoint, address);
            self.connection.insert(Connection {
                socket,
                address,
                ledger: Ledger::new(),
                opened_at: Instant::now(),
                told: None,
            })
        };
        if let Some(seen) = connection.ask_again().await? {
            return Ok(seen);
        }
        let asked_at = Instant::now();
        let sighting = connection.ask(QUESTION, question::read).await?;
        let sighting = sighting.ok_or(PoolError::BadMonitorAnswer)?;
        connection.told = Some((sighting, asked_at));
        Ok((sighting, connection.look(asked_at)))
    }

    /// Until it is time for the next look, or the server says or does something, or something has
    /// become urgent.
    async fn pause(&mut self, topology: &Topology) {
        // One that is silent is asked less and less often, and soon again where it matters.
        let patience = self.failures.clamp(1, MONITOR_PATIENCE_MAX);
        let is_wanted = self.failures == 0 && topology.is_wanted(Instant::now());
        let interval = if is_wanted {
            MONITOR_INTERVAL_WANTED
        } else if topology.is_urgent() {
            MONITOR_INTERVAL_URGENT * patience
        } else {
            MONITOR_INTERVAL * patience
        };
        let is_over = tokio::select! {
            () = tokio::time::sleep(interval) => false,
            () = topology.changed() => false,
            () = topology.wanted(), if self.failures == 0 => false,
            () = stirs(&mut self.connection) => true,
        };
        if is_over {
            self.connection = None;
            topology.lost(&self.endpoint);
            // It may do so each time.
            tokio::time::sleep(MONITOR_INTERVAL_URGENT).await;
        }
    }

    /// Until somebody uses the tenant again, or it is time to see whether anybody wants to know at all:
    /// nothing is asked, and a connection that ends is not opened again.
    async fn rest(&mut self, topology: &Topology) {
        let used = topology.used();
        tokio::pin!(used);
        // Who uses it between the look and the wait is not missed.
        used.as_mut().enable();
        if !topology.rests(Instant::now()) {
            return;
        }
        let is_over = tokio::select! {
            () = tokio::time::sleep(MONITOR_INTERVAL) => false,
            () = used => false,
            () = stirs(&mut self.connection) => true,
        };
        if is_over {
            self.connection = None;
            topology.lost(&self.endpoint);
        }
    }

    /// Ends the connection politely.
    fn leave(&mut self) {
        if let Some(connection) = &mut self.connection {
            let mut goodbye = Vec::new();
            Terminate.encode(&mut goodbye);
            let mut context = Context::from_waker(Waker::noop());
            drop(connection.socket.poll_write(&mut context, &goodbye, &[]));
            drop(connection.socket.poll_flush(&mut context));
        }
    }
}

/// Ends when the server says something unasked, or closes the connection.
async fn stirs(connection: &mut Option<Connection>) {
    match connection {
        Some(connection) => {
            let mut byte = [0; 1];
            let read = poll_fn(|context| connection.socket.poll_read(context, &mut byte));
            drop(read.await);
        },
        None => std::future::pending().await,
    }
}

impl Connection {
    /// Asks only how far it has come, if it was asked everything a moment ago. None if it must be asked
    /// everything.
    async fn ask_again(&mut self) -> Result<Option<(Sighting, Look)>, PoolError> {
        let asked_at = Instant::now();
        let is_young = |at: Instant| asked_at.duration_since(at) < MONITOR_INTERVAL_URGENT;
        let Some((before, _)) = self.told.filter(|(_, at)| is_young(*at)) else {
            return Ok(None);
        };
        let read = |row: &[u8]| question::read_again(row, &before);
        let sighting = self.ask(QUESTION_AGAIN, read).await?;
        Ok(sighting.map(|sighting| (sighting, self.look(asked_at))))
    }

    /// None if the answer says nothing.
    async fn ask(
        &mut self,
        question: &[u8],
        read: impl Fn(&[u8]) -> Option<Sighting>,
    ) -> Result<Option<Sighting>, PoolError> {
        let mut messages = Vec::new();
        Query { query: question }.encode(&mut messages)?;
        let sent = self.ledger.sent(frontend::QUERY, Owner::Pooler);
        sent.map_err(PoolError::ServerViolation)?;
        let mut sighting = None;
        let (socket, ledger) = (&mut self.socket, &mut self.ledger);
        let exchange = injected::exchange(socket, ledger, &messages, |tag, body| {
            if tag == backend::DATA_ROW {
                sighting = read(body);
            }
        });
        let (_, answered) = exchange.await?;
        answered?;
        Ok(sighting)
    }

    /// It was asked at this moment, and has answered.
    fn look(&self, asked_at: Instant) -> Look {
        Look {
            connected_at: self.opened_at,
            asked_at,
            answered_at: Instant::now(),
        }
    }
}
