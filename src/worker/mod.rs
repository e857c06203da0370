//! The threads: each worker has its listening sockets, its pools and its clients; the main thread
//! takes signals, and starts, reloads and ends the others.
//!
//! This is where time, randomness and sockets come from; everything below takes them as they are
//! given.

mod cancels;
mod home_coming;
mod node;
mod reload;
mod secrets;
mod signals;
mod start;
mod thread;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

pub use self::node::NodeState;
pub use self::start::StartError;

use self::signals::Signals;
use self::start::Started;
use crate::limits::SCRATCH_BUFFER_BYTES;
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
    let started = start::start(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    runtime.block_on(serve(started))
}

/// The main thread, while the workers work.
async fn serve(started: Started) -> Result<(), StartError> {
    let Started { node, threads } = started;
    let mut signals = Signals::listen().map_err(StartError::Runtime)?;
    tracing::info!(
        workers = node.mailboxes.workers(),
        "process up: Tidegate {}",
        env!("CARGO_PKG_VERSION")
    );
    loop {
        match signals.next().await {
            signals::Wish::Reload => reload::reload(&node).await,
            signals::Wish::Drain => break,
            signals::Wish::Leave => return Ok(()),
        }
    }
    tracing::info!("shutting down: clients go at the end of their transactions");
    drain(&node).await;
    tokio::select! {
        () = signals.leave() => tracing::info!("leaving at once"),
        () = joined(threads) => tracing::info!("every client has gone"),
    }
    Ok(())
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
