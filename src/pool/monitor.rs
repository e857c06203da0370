//! One connection to one endpoint that asks it, again and again, what it is and how far it has come.
//!
//! It logs in as the user of the pool that has the watch, counts against no limit, and ends with the
//! watch. The text finds only the system's own functions and operators, whatever the user's settings
//! are.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use tidegate_proto::backend::DataRow;
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
use crate::pool::reset::within;
use crate::routing::Look;
use crate::routing::Lsn;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::Topology;
use crate::routing::Watch;

const SETTINGS: [(&str, &str); 3] = [
    ("search_path", "pg_catalog"),
    ("application_name", "tidegate monitor"),
    ("client_encoding", "UTF8"),
];

/// One row of eleven. That one user's, or one database's, transactions are read-only says nothing of
/// the endpoint. What only one in recovery, or only one that writes, can be asked is asked after
/// that; an endpoint that is promoted meanwhile answers both.
const QUESTION: &[u8] = b"\
    SELECT r, \
    CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, \
    CASE WHEN r THEN pg_last_wal_receive_lsn() END, \
    CASE WHEN NOT r THEN NULL \
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
        ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint END, \
    CASE WHEN NOT r THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END, \
    (SELECT setting = 'on' AND source NOT IN ('database', 'user', 'database user') \
        FROM pg_settings WHERE name = 'default_transaction_read_only'), \
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, \
    CASE WHEN r THEN (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint END, \
    (SELECT system_identifier FROM pg_control_system()), \
    (SELECT greatest(timeline_id, (SELECT min_recovery_end_timeline FROM pg_control_recovery())) \
        FROM pg_control_checkpoint()), \
    (SELECT received_tli FROM pg_stat_wal_receiver) \
    FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) s";

/// Looks at an endpoint for as long as there is a watch.
pub(super) fn look_after(pool: &Rc<Pool>, watch: &Rc<Watch>, endpoint: Arc<Endpoint>) {
    let (pool, watch) = (Rc::downgrade(pool), Rc::downgrade(watch));
    tokio::task::spawn_local(async move {
        let mut monitor = Monitor {
            endpoint,
            connection: None,
            failures: 0,
        };
        loop {
            let Some(pool) = pool.upgrade() else {
                break;
            };
            let topology = watch.upgrade().map(|watch| Arc::clone(watch.topology()));
            let Some(topology) = topology else {
                break;
            };
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
}

struct Connection {
    socket: Socket,
    ledger: Ledger,
    opened_at: Instant,
}

impl Monitor {
    /// Asks once, and passes on what came of it. False if nobody wants to know any more.
    async fn look(&mut self, pool: &Pool, topology: &Topology) -> bool {
        let seen = within(MONITOR_TIMEOUT, self.ask(pool)).await;
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

    async fn ask(&mut self, pool: &Pool) -> Result<(Sighting, Look), PoolError> {
        let connection = if let Some(connection) = &mut self.connection {
            connection
        } else {
            let (socket, _) = connect::log_in(pool, &self.endpoint, &SETTINGS).await?;
            self.connection.insert(Connection {
                socket,
                ledger: Ledger::new(),
                opened_at: Instant::now(),
            })
        };
        let asked_at = Instant::now();
        let sighting = connection.ask().await?;
        let look = Look {
            connected_at: connection.opened_at,
            asked_at,
            answered_at: Instant::now(),
        };
        Ok((sighting, look))
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
    async fn ask(&mut self) -> Result<Sighting, PoolError> {
        let mut messages = Vec::new();
        Query { query: QUESTION }.encode(&mut messages)?;
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
        sighting.ok_or(PoolError::BadMonitorAnswer)
    }
}

/// The answer to [`QUESTION`].
fn read(row: &[u8]) -> Option<Sighting> {
    let row = DataRow::decode(row).ok()?;
    let values: Vec<Option<&str>> = row
        .values
        .iter()
        .map(|value| value.and_then(|value| std::str::from_utf8(value).ok()))
        .collect();
    let [
        is_standby,
        lsn,
        received,
        lag,
        timeline,
        is_read_only,
        started,
        replay_age,
        system,
        timeline_on_disk,
        timeline_received,
    ] = *values.as_slice()
    else {
        return None;
    };
    let timeline = timeline.and_then(|timeline| u32::from_str_radix(timeline, 16).ok());
    let number = |timeline: Option<&str>| timeline.and_then(|number| number.parse::<u32>().ok());
    let (timeline_on_disk, timeline_received) =
        (number(timeline_on_disk), number(timeline_received));
    let state = match (is_standby?, is_read_only?) {
        ("t", _) => State::Standby,
        (_, "t") => State::ReadOnly {
            timeline: timeline?,
        },
        _ => State::Writable {
            timeline: timeline?,
        },
    };
    // A standby that has replayed nothing yet says nothing.
    let lsn = lsn.map_or(Some(Lsn::default()), |lsn| lsn.parse().ok())?;
    let is_standby = state == State::Standby;
    // Greatest of those that are told: a user without rights is not told what is received.
    let followed = timeline_on_disk
        .max(timeline_received)
        .filter(|_| is_standby);
    Some(Sighting {
        state,
        started: started?.parse().ok()?,
        system: system.and_then(|system| system.parse().ok()),
        followed,
        lsn: if is_standby { lsn } else { lsn.end_of_record() },
        received: received.and_then(|lsn| lsn.parse().ok()),
        lag: age(lag),
        replay_age: age(replay_age),
    })
}

/// A number of milliseconds; what is of the future by another clock is of this moment.
fn age(millis: Option<&str>) -> Option<Duration> {
    let millis = millis?.parse::<i64>().ok()?;
    Some(Duration::from_millis(millis.max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(values: &[Option<&str>]) -> Option<Sighting> {
        let mut message = Vec::new();
        let values: Vec<_> = values
            .iter()
            .map(|value| value.map(str::as_bytes))
            .collect();
        DataRow::encode(&values, &mut message).unwrap();
        read(&message[5..])
    }

    const F: Option<&str> = Some("f");
    const T: Option<&str> = Some("t");
    const LSN: Option<&str> = Some("1/2");
    const ONE: Option<&str> = Some("1");

    /// What a primary says, with nothing special in it.
    const PRIMARY: [Option<&str>; 11] = [F, LSN, None, None, ONE, F, ONE, None, ONE, ONE, None];

    #[test]
    fn a_primary_tells_its_timeline_and_a_standby_its_lag() {
        let mut values = PRIMARY;
        values[1] = Some("1/3002018");
        values[4] = Some("0000000A");
        values[6] = Some("77");
        values[8] = Some("7655012345678901234");
        let expected = Sighting {
            state: State::Writable { timeline: 10 },
            started: 77,
            system: Some(7_655_012_345_678_901_234),
            followed: None,
            // Nothing ends between the header of a page and its first record.
            lsn: Lsn(0x1_0300_2000),
            received: None,
            lag: None,
            replay_age: None,
        };
        assert_eq!(told(&values), Some(expected));
        let (replayed, received) = (Some("0/2"), Some("0/3"));
        let (lag, age, started) = (Some("1500"), Some("1600"), Some("78"));
        let two = Some("2");
        let standby = told(&[
            T, replayed, received, lag, None, F, started, age, ONE, ONE, two,
        ]);
        let expected = Sighting {
            state: State::Standby,
            started: 78,
            system: Some(1),
            followed: Some(2),
            lsn: Lsn(2),
            received: Some(Lsn(3)),
            lag: Some(Duration::from_millis(1500)),
            replay_age: Some(Duration::from_millis(1600)),
        };
        assert_eq!(standby, Some(expected));
    }

    #[test]
    fn whose_transactions_are_all_read_only_is_no_primary() {
        let mut values = PRIMARY;
        values[5] = T;
        let told = told(&values);
        assert_eq!(told.unwrap().state, State::ReadOnly { timeline: 1 });
    }

    #[test]
    fn what_makes_no_sense_is_no_sighting() {
        let with = |at: usize, value| {
            let mut values = PRIMARY;
            values[at] = value;
            told(&values)
        };
        assert!(told(&PRIMARY).is_some());
        for (at, value) in [(0, None), (1, Some("?")), (4, None), (6, None)] {
            assert_eq!(with(at, value), None, "{at}");
        }
        assert_eq!(told(&PRIMARY[..10]), None);
        assert_eq!(read(b"\0"), None);
    }
}
