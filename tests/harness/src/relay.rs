//! A relay on loopback that takes its time, as the way to another region does, and that can be cut.
//!
//! Bytes arrive in order and as fast as they were sent, half a round trip later: each chunk has a
//! moment at which it is due, so that a long answer is late once and not once a chunk. Opening a
//! connection takes no time, which the kernel does by itself.

use std::io;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::polling;
use crate::port::free_port;

const CHUNK_BYTES: usize = 16 * 1024;

/// How many chunks may be under way in one direction: 8 MiB, which is more than a test sends in the
/// longest round trip.
const CHUNKS_MAX: usize = 512;

/// A running relay. Cut, and gone, when dropped.
#[derive(Debug)]
pub struct DelayingRelay {
    port: u16,
    delay: Arc<Delay>,
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// How long bytes take in one direction.
#[derive(Debug)]
struct Delay(AtomicU64);

#[derive(Debug)]
struct Order {
    is_open: bool,
    done: SyncSender<io::Result<()>>,
}

/// What has come, and when it is to arrive. Empty at the end of the stream.
type Chunk = (Instant, Vec<u8>);

impl DelayingRelay {
    /// Starts a relay to a port of 127.0.0.1, where nobody needs to listen yet.
    ///
    /// # Errors
    /// [`Failure::Io`] if there is no port, or no thread, for it.
    pub fn to(server: u16, round_trip: Duration) -> Result<Self, Failure> {
        let port = free_port()?;
        let delay = Arc::new(Delay(AtomicU64::new(0)));
        delay.set(round_trip);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::io("make the relay's runtime"))?;
        let (orders, received) = mpsc::channel(1);
        let relay = Relay {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, server)),
            delay: Arc::clone(&delay),
        };
        let thread = thread::Builder::new().name(format!("relay to {server}"));
        let thread = thread
            .spawn(move || runtime.block_on(relay.serve(received)))
            .map_err(Failure::io("start a relay"))?;
        let relay = Self {
            port,
            delay,
            orders: Some(orders),
            thread: Some(thread),
        };
        relay.restore()?;
        Ok(relay)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the round trip for what comes from now on. What is under way still arrives before it.
    pub fn set_round_trip(&self, round_trip: Duration) {
        self.delay.set(round_trip);
    }

    /// Closes all connections on both sides, and refuses new ones.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] if the relay is gone.
    pub fn cut(&self) -> Result<(), Failure> {
        self.order(false)
    }

    /// Takes connections again.
    ///
    /// # Errors
    /// [`Failure::Io`] if somebody else has the port.
    pub fn restore(&self) -> Result<(), Failure> {
        self.order(true)
    }

    fn order(&self, is_open: bool) -> Result<(), Failure> {
        let gone = || Failure::Unexpected("the relay has ended".to_owned());
        let (done, outcome) = sync_channel(1);
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        let sent = orders.blocking_send(Order { is_open, done });
        sent.map_err(|_gone| gone())?;
        let outcome = outcome.recv().map_err(|_gone| gone())?;
        outcome.map_err(Failure::io("listen for a relay"))
    }
}

impl Drop for DelayingRelay {
    fn drop(&mut self) {
        self.orders = None;
        // A panic there has been seen by whoever waited for an answer.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Delay {
    fn set(&self, round_trip: Duration) {
        let one_way = u64::try_from((round_trip / 2).as_micros()).unwrap_or(u64::MAX);
        self.0.store(one_way, Ordering::Relaxed);
    }

    fn one_way(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

struct Relay {
    address: SocketAddr,
    server: SocketAddr,
    delay: Arc<Delay>,
}

impl Relay {
    /// Until there is nobody left who could give an order.
    async fn serve(self, mut orders: mpsc::Receiver<Order>) {
        let mut listener = None;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(Order { is_open, done }) = order else {
                        return;
                    };
                    let mut outcome = Ok(());
                    if !is_open {
                        listener = None;
                        connections.shutdown().await;
                    } else if listener.is_none() {
                        let bound = TcpListener::bind(self.address).await;
                        outcome = bound.map(|bound| listener = Some(bound));
                    }
                    // Who gave the order may be gone.
                    drop(done.send(outcome));
                },
                client = accepted(listener.as_ref()), if listener.is_some() => {
                    let Some(client) = client else {
                        continue;
                    };
                    let carried = carry(client, self.server, Arc::clone(&self.delay));
                    connections.spawn(async move {
                        // Its ends see how it ended.
                        drop(carried.await);
                    });
                },
                Some(_) = connections.join_next() => {},
            }
        }
    }
}

/// The next client; `None` for one that left before it was seen.
async fn accepted(listener: Option<&TcpListener>) -> Option<TcpStream> {
    let (client, _) = listener?.accept().await.ok()?;
    Some(client)
}

/// Both directions of one connection, until both have ended, or one is broken.
async fn carry(client: TcpStream, server: SocketAddr, delay: Arc<Delay>) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = direction(from_client, to_server, &delay);
    let back = direction(from_server, to_client, &delay);
    tokio::try_join!(there, back).map(drop)
}

async fn direction(from: OwnedReadHalf, to: OwnedWriteHalf, delay: &Delay) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    tokio::try_join!(take(from, sender, delay), give(receiver, to)).map(drop)
}

/// Takes what comes, and notes when it is due.
async fn take(
    mut from: OwnedReadHalf,
    sender: mpsc::Sender<Chunk>,
    delay: &Delay,
) -> io::Result<()> {
    loop {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        let count = from.read_buf(&mut bytes).await?;
        let due = Instant::now() + delay.one_way();
        let sent = sender.send((due, bytes)).await;
        sent.map_err(|_gone| io::Error::from(ErrorKind::BrokenPipe))?;
        if count == 0 {
            return Ok(());
        }
    }
}

/// Gives each chunk when it is due.
async fn give(mut receiver: mpsc::Receiver<Chunk>, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some((due, bytes)) = receiver.recv().await {
        polling::until_due(due).await;
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&bytes).await?;
    }
    Ok(())
}
