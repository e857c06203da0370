//! The servers of a pool's little world: connections that are opened when told so, and far ends that
//! die, speak and answer when told so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Waker;

use tidegate::config::Endpoint;
use tidegate::net::Transport;
use tidegate::pool::Dial;
use tidegate::pool::Dialing;
use tidegate::pool::Lease;
use tidegate::pool::PoolError;
use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::CommandComplete;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::frontend::tag;
use tidegate_proto::sqlstate::SqlState;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::ReadBuf;
use tokio::sync::oneshot;

/// More than is ever in flight: nobody waits for a reader.
const PIPE_BYTES: usize = 64 * 1024;

/// A connection that is being opened.
#[derive(Debug)]
struct Knock {
    port: u16,
    answer: oneshot::Sender<DuplexStream>,
}

/// Where connections are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Rc<RefCell<VecDeque<Knock>>>);

impl Dial for Gate {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, _only: Option<SocketAddr>) -> Dialing<'a> {
        let (answer, answered) = oneshot::channel();
        let port = endpoint.port;
        self.0.borrow_mut().push_back(Knock { port, answer });
        Box::pin(async move {
            let stream = answered.await;
            stream.map(Transport::in_memory).map_err(|_closed| {
                let source = std::io::ErrorKind::ConnectionRefused.into();
                let endpoint = endpoint.name.clone();
                PoolError::Unreachable { endpoint, source }
            })
        })
    }
}

/// The far end of a connection.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, at any time"
)]
struct Far {
    process_id: u32,
    port: u16,
    stream: DuplexStream,
    /// It has said something that nobody asked for.
    has_spoken: bool,
    /// It was asked something, to reset its session most often.
    is_asked: bool,
    /// It was idle while the machine slept, and has said nothing since.
    is_doubted: bool,
    /// It was of use once, where that is all.
    is_spent: bool,
    is_greeted: bool,
    /// What of the last message has come.
    heard: Vec<u8>,
}

/// All far ends.
#[derive(Debug)]
pub(crate) struct Servers {
    knocks: Rc<RefCell<VecDeque<Knock>>>,
    alive: Vec<Far>,
    next: u32,
}

impl Servers {
    pub(crate) fn new(gate: &Gate) -> Self {
        Self {
            knocks: Rc::clone(&gate.0),
            alive: Vec::new(),
            next: 1,
        }
    }

    /// A server is lent: it must be one that nothing speaks against.
    pub(crate) fn check_lent(&self, lease: &Lease, port: u16) {
        let process_id = lease.card.key.process_id;
        let far = self.alive.iter().find(|far| far.process_id == process_id);
        let far = far.expect("a dead server is lent");
        assert!(!far.has_spoken, "a server that speaks unasked is lent");
        assert_eq!(far.port, port, "a server from before a reload is lent");
        assert!(!far.is_doubted, "a server that may be dead is lent");
        assert!(!far.is_spent, "a server of use once is lent again");
        assert!(lease.is_clean(), "a dirty server is lent");
        assert_eq!(
            lease.card.cancels.get(),
            0,
            "a cancel request is on its way"
        );
    }

    fn knock(&self, which: u8) -> Option<Knock> {
        let mut knocks = self.knocks.borrow_mut();
        knocks.retain(|knock| !knock.answer.is_closed());
        let at = usize::from(which) % knocks.len().max(1);
        knocks.remove(at)
    }

    /// Whether a connection took too long for the pool, since it was asked last.
    pub(crate) fn has_given_up(&mut self) -> bool {
        let mut knocks = self.knocks.borrow_mut();
        let before = knocks.len();
        knocks.retain(|knock| !knock.answer.is_closed());
        knocks.len() < before
    }

    /// Whether a connection is asked for.
    pub(crate) fn is_anybody_wanted(&self) -> bool {
        !self.knocks.borrow().is_empty()
    }

    /// A connection is there. If it was for a cancel request, that is all of it.
    pub(crate) async fn open(&mut self, which: u8) {
        let Some(knock) = self.knock(which) else {
            return;
        };
        let (near, mut stream) = tokio::io::duplex(PIPE_BYTES);
        let process_id = self.next;
        self.next += 1;
        let mut greeting = Vec::new();
        let key = CancelKey::new(b"key!").expect("a key has at least four bytes");
        let greeted = Authentication::Ok.encode(&mut greeting);
        greeted
            .and_then(|()| BackendKeyData { process_id, key }.encode(&mut greeting))
            .expect("a greeting can be written");
        ready(&mut greeting);
        say(&mut stream, &greeting).await;
        if knock.answer.send(near).is_ok() {
            self.alive.push(Far {
                process_id,
                port: knock.port,
                stream,
                has_spoken: false,
                is_asked: false,
                is_doubted: false,
                is_spent: false,
                is_greeted: false,
                heard: Vec::new(),
            });
        }
    }

    /// A connection is not to be had; whether one was wanted.
    pub(crate) fn fail(&mut self, which: u8) -> bool {
        self.knock(which).is_some()
    }

    pub(crate) fn fail_all(&mut self) {
        self.knocks.borrow_mut().clear();
    }

    pub(crate) fn die(&mut self, which: u8) {
        if !self.alive.is_empty() {
            self.alive.remove(usize::from(which) % self.alive.len());
        }
    }

    fn one(&mut self, which: u8) -> Option<&mut Far> {
        let at = usize::from(which) % self.alive.len().max(1);
        self.alive.get_mut(at)
    }

    pub(crate) async fn speak(&mut self, which: u8) {
        if let Some(far) = self.one(which) {
            // In the middle of a reset, it is heard.
            far.has_spoken |= !far.is_asked;
            let mut notice = Vec::new();
            ReportText::new(Severity::Notice, SqlState::INTERNAL_ERROR, "hear, hear")
                .encode_notice(&mut notice);
            say(&mut far.stream, &notice).await;
        }
    }

    /// Hears what has been said to the servers.
    pub(crate) fn listen(&mut self) {
        self.alive.iter_mut().for_each(Far::listen);
    }

    /// A server was idle while the machine slept.
    pub(crate) fn doubt(&mut self, process_id: u32) {
        if let Some(far) = self.of(process_id) {
            far.is_doubted = true;
        }
    }

    /// A server has had the one use that it is for.
    pub(crate) fn spend(&mut self, process_id: u32) {
        if let Some(far) = self.of(process_id) {
            far.is_spent = true;
        }
    }

    /// Other rules may hold now.
    pub(crate) fn forgive(&mut self) {
        for far in &mut self.alive {
            far.is_spent = false;
        }
    }

    /// Whether a server lives, has said nothing, and was asked nothing.
    pub(crate) fn is_quiet(&self, process_id: u32) -> bool {
        let mut alive = self.alive.iter();
        let far = alive.find(|far| far.process_id == process_id);
        far.is_some_and(|far| !far.has_spoken && !far.is_asked)
    }

    fn of(&mut self, process_id: u32) -> Option<&mut Far> {
        let mut alive = self.alive.iter_mut();
        alive.find(|far| far.process_id == process_id)
    }

    pub(crate) async fn answer(&mut self, which: u8) {
        let asked = self.alive.iter_mut().filter(|far| far.is_asked);
        let mut asked: Vec<_> = asked.collect();
        let at = usize::from(which) % asked.len().max(1);
        if let Some(far) = asked.get_mut(at) {
            far.is_asked = false;
            far.is_doubted = false;
            let mut answer = Vec::new();
            let command = b"DISCARD ALL";
            let answered = CommandComplete { command }.encode(&mut answer);
            answered.expect("an answer can be written");
            ready(&mut answer);
            say(&mut far.stream, &answer).await;
        }
    }
}

impl Far {
    fn listen(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut bytes = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            let polled = Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer);
            if polled.is_pending() {
                break;
            }
            if buffer.filled().is_empty() {
                // Whoever is told that nobody is there ends as well.
                drop(Pin::new(&mut self.stream).poll_shutdown(&mut context));
                break;
            }
            self.heard.extend_from_slice(buffer.filled());
        }
        while self.understand() {}
    }

    /// Takes one message, if one has come. Only the first has no tag.
    fn understand(&mut self) -> bool {
        let tag_bytes = usize::from(self.is_greeted);
        let length = self.heard.get(tag_bytes..tag_bytes + 4);
        let Some(length) = length.and_then(|length| length.try_into().ok()) else {
            return false;
        };
        let length = usize::try_from(u32::from_be_bytes(length)).expect("a short message");
        if self.heard.len() < tag_bytes + length {
            return false;
        }
        if self.is_greeted && self.heard.first() == Some(&tag::QUERY) {
            // In the middle of an answer, what it said before is heard.
            self.is_asked = true;
            self.has_spoken = false;
        }
        self.is_greeted = true;
        self.heard.drain(..tag_bytes + length);
        true
    }
}

fn ready(words: &mut Vec<u8>) {
    let status = TransactionStatus::Idle;
    ReadyForQuery { status }.encode(words);
}

/// Whoever is spoken to may be gone.
async fn say(stream: &mut DuplexStream, words: &[u8]) {
    drop(stream.write_all(words).await);
}
