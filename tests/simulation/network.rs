//! The network: connections in memory whose bytes go over in pieces, late, or not at all.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tidegate::config::Endpoint;
use tidegate::net::Transport;
use tidegate::pool::Dial;
use tidegate::pool::Dialing;
use tidegate::pool::PoolError;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;

use crate::nature::Nature;
use crate::server;

/// What became of a connection.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// It broke in the middle.
    pub(crate) is_cut: Cell<bool>,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A connection: both ends, and what becomes of it.
pub(crate) fn connect(nature: &Rc<Nature>, side: Side) -> (DuplexStream, DuplexStream, Rc<Line>) {
    let (near, near_far) = tokio::io::duplex(nature.weather.pipe_bytes);
    let (far, far_near) = tokio::io::duplex(nature.weather.pipe_bytes);
    let line = Rc::new(Line::default());
    let cuts = match side {
        Side::Client => nature.weather.client_cuts,
        Side::Server => nature.weather.server_cuts,
    };
    let cut = || nature.chance(cuts).then(|| nature.between(0, 2000));
    let (there, back) = (cut(), cut());
    let carried = {
        let (nature, line) = (Rc::clone(nature), Rc::clone(&line));
        async move {
            let (from_near, to_near) = tokio::io::split(near_far);
            let (from_far, to_far) = tokio::io::split(far_near);
            let carried = tokio::try_join!(
                carry(&nature, from_near, to_far, there),
                carry(&nature, from_far, to_near, back),
            );
            if carried.is_err() {
                nature.note(format_args!("a connection of a {side:?} breaks"));
                line.is_cut.set(true);
                if side == Side::Server {
                    nature.deaths.set(nature.deaths.get() + 1);
                }
            }
        }
    };
    tokio::task::spawn_local(carried);
    (near, far, line)
}

/// The connection has broken.
#[derive(Debug)]
struct Cut;

async fn carry(
    nature: &Nature,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut left: Option<u64>,
) -> Result<(), Cut> {
    let mut piece = [0; 8192];
    loop {
        let most = nature.weather.segment_bytes_max as u64;
        let length = usize::try_from(nature.between(1, most)).unwrap();
        let count = from.read(&mut piece[..length]).await.unwrap_or(0);
        if count == 0 {
            // The other side may have gone already.
            drop(to.shutdown().await);
            return Ok(());
        }
        if nature.chance(nature.weather.delays) {
            nature.dawdle().await;
        }
        let mut bytes = &piece[..count];
        if let Some(left) = &mut left {
            match left.checked_sub(count as u64) {
                Some(rest) => *left = rest,
                None => bytes = &bytes[..usize::try_from(*left).unwrap()],
            }
        }
        if to.write_all(bytes).await.is_err() {
            // Nobody listens: what still comes is lost.
            while from.read(&mut piece).await.unwrap_or(0) > 0 {}
            return Ok(());
        }
        if bytes.len() < count {
            return Err(Cut);
        }
    }
}

/// The way to the servers of this world.
#[derive(Debug)]
pub(crate) struct Network(pub(crate) Rc<Nature>);

impl Dial for Network {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, _only: Option<SocketAddr>) -> Dialing<'a> {
        Box::pin(async move {
            let nature = &self.0;
            if nature.chance(nature.weather.delays) {
                nature.dawdle().await;
            }
            if nature.chance(nature.weather.dial_failures) {
                nature.note(format_args!("{} cannot be reached", endpoint.name));
                nature.failed_logins.set(nature.failed_logins.get() + 1);
                return Err(PoolError::Unreachable {
                    endpoint: endpoint.name.clone(),
                    source: std::io::ErrorKind::ConnectionRefused.into(),
                });
            }
            let (near, far, line) = connect(nature, Side::Server);
            let address = (endpoint.region.clone(), endpoint.port);
            tokio::task::spawn_local(server::serve(Rc::clone(nature), far, address));
            drop(line);
            Ok(Transport::in_memory(near))
        })
    }
}
