//! A PostgreSQL that has nothing to do: trusts everybody and answers every query at once with one
//! row. What is in front of it is then the bottleneck.
//!
//! Two words in a query's text change the answer: `repeat('x', N)` makes the row N bytes long,
//! `pg_sleep(S)` has it come S seconds later.

mod answer;
mod connection;

use std::net::SocketAddr;
use std::thread;

use clap::Args;
use tokio::net::TcpSocket;

use crate::error::RigError;
use crate::runtime;

const BACKLOG: u32 = 4096;

/// Where it listens, and on how many threads.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct FakeOptions {
    /// Where clients arrive.
    #[arg(long)]
    listen: SocketAddr,
    /// How many threads answer.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// Answers until it is killed.
///
/// # Errors
/// If it cannot listen.
pub(crate) fn run(options: FakeOptions) -> Result<(), RigError> {
    let address = options.listen;
    let others: Vec<_> = (1..options.threads)
        .map(|_| thread::spawn(move || serve(address)))
        .collect();
    serve(address)?;
    for thread in others {
        let ended = thread.join();
        ended.unwrap_or_else(|_panic| Err(RigError::Late("the end of a thread".to_owned())))?;
    }
    Ok(())
}

/// One thread with a listening socket of its own; the kernel deals connections out.
fn serve(address: SocketAddr) -> Result<(), RigError> {
    runtime::local()?.block_on(async move {
        let socket = TcpSocket::new_v4().map_err(RigError::io("make a socket"))?;
        socket
            .set_reuseaddr(true)
            .and_then(|()| socket.set_reuseport(true))
            .and_then(|()| socket.bind(address))
            .map_err(RigError::io("listen"))?;
        let listener = socket.listen(BACKLOG).map_err(RigError::io("listen"))?;
        loop {
            let (client, _) = listener.accept().await.map_err(RigError::io("accept"))?;
            drop(tokio::task::spawn_local(async move {
                // Who hangs up ends only its own connection.
                drop(connection::serve(client).await);
            }));
        }
    })
}
