//! The threads: each worker has its listening sockets, its pools and its clients; the main thread
//! takes signals, and starts, reloads and ends the others.
//!
//! This is where time, randomness and sockets come from; everything below takes them as they are
//! given.

mod cancels;
mod explain;
mod home_coming;
mod lookup;
mod node;
mod randomness;
mod reload;
mod secrets;
mod signals;
mod start;
mod suspension;
mod thread;

use std::convert::Infallible;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

pub use self::explain::ExplainError;
pub use self::explain::Inquiry;
pub use self::explain::explain;
pub use self::node::NodeState;
pub use self::start::StartError;

use self::signals::Signals;
use self::start::Started;
use crate::admin::Desk;
use crate::admin::Order;
use crate::admin::http;
use crate::limits::SCRATCH_BUFFER_BYTES;
use crate::limits::STATS_PERIOD;
use crate::session::Ending;
use crate::session::Letter;

/// Loads a configuration and serves until a signal says to end. Blocks the calling thread.
///
/// # Errors
///
/// [`StartError`]: the configuration is refused, a listening address cannot be had, or the system
/// has no threads left. Nothing is served then.
pub fn run(path: &Path) -> Result<(), StartError> {
    const _: () = assert!(SCRATCH_BUFFER_BYTES >= 4096);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    // Before anybody can see that the node is there: a SIGHUP that nobody listens for ends a process.
    let signals = runtime.block_on(async { Signals::listen() });
    let signals = signals.map_err(StartError::Runtime)?;
    let started = start::start(path)?;
    runtime.block_on(serve(started, signals));
    // Dropped, it would wait for the thread that waits for the workers.
    runtime.shutdown_background();
    Ok(())
}

/// The main thread, while the workers work.
async fn serve(started: Started, signals: Signals) {
    let Started {
        node,
        threads,
        orders,
        http,
    } = started;
    let desk = Arc::clone(&node.desk);
    tokio::select! {
        () = attend(node, threads, orders, signals) => {},
        never = inform(desk, http) => match never {},
    }
}

/// Keeps operators informed: the HTTP endpoints, and the samples that averages are made of.
async fn inform(desk: Arc<Desk>, http: Option<http::Server>) -> Infallible {
    let serving = async {
        if let Some(http) = http
            && let Err(error) = http.serve(Arc::clone(&desk)).await
        {
            tracing::error!(%error, "the HTTP endpoints cannot be served");
        }
        pending().await
    };
    let sampling = async {
        let mut periods = tokio::time::interval(STATS_PERIOD);
        periods.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            periods.tick().await;
            desk.sample().await;
        }
    };
    tokio::join!(serving, sampling).0
}

/// Does what signals and operators ask, until one says to end.
async fn attend(
    node: Arc<NodeState>,
    threads: Vec<JoinHandle<()>>,
    mut orders: mpsc::Receiver<Order>,
    mut signals: Signals,
) {
    tracing::info!(
        workers = node.mailboxes.workers(),
        "process up: Tidegate {}",
        env!("CARGO_PKG_VERSION")
    );
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                // What came of it is in the log.
                signals::Wish::Reload => drop(reload::reload(&node).await),
                signals::Wish::Drain => break,
                signals::Wish::Leave => return,
            },
            Some(order) = orders.recv() => match order {
                // Whoever asked may have gone away meanwhile.
                Order::Reload(answer) => drop(answer.send(reload::reload(&node).await)),
            },
        }
    }
    drop(orders);
    node.desk.begin_draining();
    tracing::info!("shutting down: clients go at the end of their transactions");
    drain(&node).await;
    tokio::select! {
        () = signals.leave() => tracing::info!("leaving at once"),
        () = joined(threads) => tracing::info!("every client has gone"),
    }
}

async fn drain(node: &Arc<NodeState>) {
    for worker in 0..node.mailboxes.workers() {
        node.mailboxes.send(worker, Letter::Drain).await;
        node.mailboxes
            .send(worker, Letter::EndAll(Ending::ShuttingDown))
            .await;
    }
}

/// Waits for threads without blocking the signals.
async fn joined(threads: Vec<JoinHandle<()>>) {
    let joined = tokio::task::spawn_blocking(move || {
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a worker ended by a defect of its own");
            }
        }
    });
    drop(joined.await);
}
