//! The servers of a little world: each is there when it is asked for, and answers, unless it is told
//! not to.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::frontend::tag;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::sync::Notify;

use crate::config::Endpoint;
use crate::net::Transport;
use crate::pool::Dial;
use crate::pool::Dialing;
use crate::pool::Names;
use crate::pool::PoolError;

const PIPE_BYTES: usize = 64 * 1024;

/// The code of a `CancelRequest`, which has the place of the protocol's version.
const CANCEL_REQUEST: [u8; 4] = 80_877_102_u32.to_be_bytes();

const EMPTY_QUERY_RESPONSE: &[u8] = b"I\0\0\0\x04";

/// All servers. The clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Servers(Rc<State>);

#[derive(Debug, Default)]
struct State {
    is_down: Cell<bool>,
    is_silent: Cell<bool>,
    are_gone: Cell<bool>,
    holds_cancels: Cell<bool>,
    opened: Cell<u32>,
    queries: Cell<u32>,
    names: OnceCell<Arc<Names>>,
    dialed: RefCell<Vec<SocketAddr>>,
    lost: Cell<Option<IpAddr>>,
    changed: Notify,
}

impl Dial for Servers {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, only: Option<SocketAddr>) -> Dialing<'a> {
        Box::pin(async move {
            self.0.dialed.borrow_mut().extend(only);
            let is_lost =
                |state: &State| only.is_some_and(|only| state.lost.get() == Some(only.ip()));
            self.wait_while(is_lost).await;
            if self.0.is_down.get() {
                let endpoint = endpoint.name.clone();
                let source = io::ErrorKind::ConnectionRefused.into();
                return Err(PoolError::Unreachable { endpoint, source });
            }
            let (near, far) = tokio::io::duplex(PIPE_BYTES);
            tokio::task::spawn_local(self.clone().serve(far));
            Ok(Transport::in_memory(near))
        })
    }

    fn names(&self) -> Option<&Arc<Names>> {
        self.0.names.get()
    }
}

impl Servers {
    /// Whether none can be reached anew. Those that are connected stay.
    pub(super) fn are_down(&self, is_down: bool) {
        self.0.is_down.set(is_down);
    }

    /// Whether queries wait for their answers.
    pub(super) fn are_silent(&self, is_silent: bool) {
        self.0.is_silent.set(is_silent);
        self.0.changed.notify_waiters();
    }

    /// All that are connected end at once.
    pub(super) fn end(&self) {
        self.0.are_gone.set(true);
        self.0.changed.notify_waiters();
    }

    /// Whether cancel requests wait.
    pub(super) fn hold_cancels(&self, holds_cancels: bool) {
        self.0.holds_cancels.set(holds_cancels);
        self.0.changed.notify_waiters();
    }

    /// They are at the addresses of names from now on.
    pub(super) fn have_names(&self, names: Names) {
        self.0.names.set(Arc::new(names)).unwrap();
    }

    /// Whoever connects there waits.
    pub(super) fn lose(&self, address: Option<IpAddr>) {
        self.0.lost.set(address);
        self.0.changed.notify_waiters();
    }

    /// Where connections were tried, since this was last asked.
    pub(super) fn take_dialed(&self) -> Vec<String> {
        let dialed = self.0.dialed.take();
        dialed.iter().map(|to| to.ip().to_string()).collect()
    }

    /// How many have been logged in to so far.
    pub(super) fn opened(&self) -> u32 {
        self.0.opened.get()
    }

    /// How many queries they have been asked.
    pub(super) fn queries(&self) -> u32 {
        self.0.queries.get()
    }

    /// One connection, until its end.
    async fn serve(self, mut stream: DuplexStream) {
        let startup = packet(&mut stream).await.unwrap();
        if startup.starts_with(&CANCEL_REQUEST) {
            self.wait_while(|state| state.holds_cancels.get()).await;
            return;
        }
        self.0.opened.set(self.opened() + 1);
        let greeting = greeting(self.opened());
        stream.write_all(&greeting).await.unwrap();
        loop {
            let tag = tokio::select! {
                tag = stream.read_u8() => tag,
                () = self.wait_while(|state| !state.are_gone.get()) => return,
            };
            let Ok(tag) = tag else {
                return;
            };
            packet(&mut stream).await.unwrap();
            if tag == tag::QUERY {
                self.0.queries.set(self.queries() + 1);
                self.wait_while(|state| state.is_silent.get()).await;
                let mut answer = EMPTY_QUERY_RESPONSE.to_vec();
                ready(&mut answer);
                // Whoever asked may have given up.
                stream.write_all(&answer).await.ok();
            }
        }
    }

    async fn wait_while(&self, holds: impl Fn(&State) -> bool) {
        while holds(&self.0) {
            self.0.changed.notified().await;
        }
    }
}

/// The body behind a length.
async fn packet(stream: &mut DuplexStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

fn greeting(process_id: u32) -> Vec<u8> {
    let mut out = Vec::new();
    Authentication::Ok.encode(&mut out).unwrap();
    let key = CancelKey::new(b"key!").unwrap();
    let key = BackendKeyData { process_id, key };
    key.encode(&mut out).unwrap();
    ready(&mut out);
    out
}

fn ready(out: &mut Vec<u8>) {
    let status = TransactionStatus::Idle;
    ReadyForQuery { status }.encode(out);
}
