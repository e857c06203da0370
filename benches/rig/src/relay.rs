//! The yardstick: a relay that copies bytes and knows nothing of them. One server for each client,
//! one thread, one buffer for all; whatever a pooler costs more than this, its own work costs.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use clap::Args;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::error::RigError;
use crate::runtime;

const SCRATCH_BYTES: usize = 64 * 1024;

/// From where to where.
#[derive(Debug, Args)]
pub(crate) struct RelayOptions {
    /// Where clients arrive.
    #[arg(long)]
    listen: SocketAddr,
    /// Where servers are.
    #[arg(long)]
    to: SocketAddr,
}

/// Relays until it is killed.
///
/// # Errors
/// If it cannot listen.
pub(crate) fn run(options: &RelayOptions) -> Result<(), RigError> {
    let RelayOptions { listen, to } = *options;
    runtime::local()?.block_on(async move {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(RigError::io("listen"))?;
        let scratch = Rc::new(RefCell::new(vec![0; SCRATCH_BYTES]));
        loop {
            let (client, _) = listener.accept().await.map_err(RigError::io("accept"))?;
            let scratch = Rc::clone(&scratch);
            drop(tokio::task::spawn_local(async move {
                // Who hangs up ends only its own pair.
                drop(relay(client, to, &scratch).await);
            }));
        }
    })
}

async fn relay(
    mut client: TcpStream,
    to: SocketAddr,
    scratch: &RefCell<Vec<u8>>,
) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let copy = std::future::poll_fn(|context| {
        let mut scratch = scratch.borrow_mut();
        let back = copy_some(
            context,
            &mut server,
            &mut client,
            &mut answered,
            &mut scratch,
        )?;
        let forth = copy_some(context, &mut client, &mut server, &mut asked, &mut scratch)?;
        if back.is_ready() || forth.is_ready() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    });
    tokio::task::coop::unconstrained(copy).await
}

/// Copies what there is; ready at the end of the stream.
fn copy_some(
    context: &mut Context<'_>,
    from: &mut TcpStream,
    to: &mut TcpStream,
    held: &mut Vec<u8>,
    scratch: &mut [u8],
) -> Poll<io::Result<()>> {
    loop {
        while !held.is_empty() {
            let written = ready!(Pin::new(&mut *to).poll_write(context, held))?;
            held.drain(..written);
        }
        let mut read = ReadBuf::new(scratch);
        ready!(Pin::new(&mut *from).poll_read(context, &mut read))?;
        let bytes = read.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let written = match Pin::new(&mut *to).poll_write(context, bytes)? {
            Poll::Ready(written) => written,
            Poll::Pending => 0,
        };
        held.extend_from_slice(bytes.get(written..).unwrap_or_default());
    }
}
