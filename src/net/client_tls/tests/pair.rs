//! Both ends of a connection, moved by hand.

use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use tokio::io::ReadBuf;

use super::Setup;
use super::far::Far;
use super::text;
use crate::net::ClientTls;
use crate::net::Transport;

/// What is read at once, at most.
pub(super) const ROOM_BYTES: usize = 70_000;

/// Two ends that are through with their handshake.
pub(super) struct Pair {
    pub(super) far: Far,
    pub(super) near: Box<ClientTls>,
    /// How many bytes our side has said.
    pub(super) said: usize,
    pub(super) heard: Vec<u8>,
    room: Vec<u8>,
    /// How reading has ended.
    pub(super) ended: Option<io::Result<()>>,
}

/// Two ends on one wire that have said nothing yet.
pub(super) fn strangers(setup: &Setup) -> (Far, Transport) {
    let (wire, transport) = tokio::io::duplex(setup.wire_bytes);
    (Far::new(setup, wire), Transport::in_memory(transport))
}

/// Makes the handshake; its bytes come in pieces of these sizes, over and over. `None` if no more
/// comes and it is still not done.
pub(super) fn handshake(
    setup: &Setup,
    far: &mut Far,
    transport: Transport,
    pieces: &[usize],
) -> Option<io::Result<Box<ClientTls>>> {
    altered_handshake(setup, far, transport, pieces, |_, _| ())
}

/// As [`handshake`]; what the client sends each time it has heard something is altered.
pub(super) fn altered_handshake(
    setup: &Setup,
    far: &mut Far,
    transport: Transport,
    pieces: &[usize],
    mut alter: impl FnMut(usize, &mut Vec<u8>),
) -> Option<io::Result<Box<ClientTls>>> {
    let mut context = Context::from_waker(Waker::noop());
    let mut accepting = pin!(ClientTls::accept(transport, setup.server()));
    let (mut flight, mut idle) = (0, 0);
    alter(flight, &mut far.outgoing);
    for piece in pieces.iter().cycle() {
        let mut moved = far.deliver(*piece, &mut context);
        let before = far.outgoing.len();
        moved += far.receive(*piece, &mut context);
        if far.outgoing.len() > before {
            flight += 1;
            alter(flight, &mut far.outgoing);
        }
        if let Poll::Ready(accepted) = accepting.as_mut().poll(&mut context) {
            return Some(accepted);
        }
        idle = if moved == 0 { idle + 1 } else { 0 };
        if idle > 2 {
            break;
        }
    }
    None
}

impl Pair {
    pub(super) fn new(setup: &Setup) -> Self {
        Self::in_pieces(setup, &[ROOM_BYTES])
    }

    pub(super) fn in_pieces(setup: &Setup, pieces: &[usize]) -> Self {
        let (mut far, transport) = strangers(setup);
        let near = handshake(setup, &mut far, transport, pieces);
        let mut pair = Self::of(far, near.unwrap().unwrap());
        // Our side is through; its last words may still be on the wire.
        pair.settle();
        assert!(!pair.far.tls.is_handshaking());
        pair
    }

    /// Two ends whose handshake is over on our side.
    pub(super) fn of(far: Far, near: Box<ClientTls>) -> Self {
        Self {
            far,
            near,
            said: 0,
            heard: Vec::new(),
            room: vec![0; ROOM_BYTES],
            ended: None,
        }
    }

    /// Our side says so many bytes in two parts; how many were taken, unless it must wait.
    pub(super) fn say(&mut self, first: usize, second: usize) -> Poll<usize> {
        let (first, second) = (text(self.said, first), text(self.said + first, second));
        let mut context = Context::from_waker(Waker::noop());
        let taken = self.near.poll_write(&mut context, &first, &second);
        let taken = taken.map(Result::unwrap);
        if let Poll::Ready(count) = taken {
            self.said += count;
        }
        taken
    }

    /// Our side reads once; how many bytes it were.
    pub(super) fn hear(&mut self, most: usize) -> usize {
        let mut context = Context::from_waker(Waker::noop());
        let most = most.min(ROOM_BYTES);
        let mut buffer = ReadBuf::new(&mut self.room[..most]);
        if self.ended.is_some() || buffer.remaining() == 0 {
            return 0;
        }
        match self.near.poll_read(&mut context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => self.ended = Some(Ok(())),
            Poll::Ready(Ok(())) => self.heard.extend_from_slice(buffer.filled()),
            Poll::Ready(Err(error)) => self.ended = Some(Err(error)),
            Poll::Pending => {},
        }
        buffer.filled().len()
    }

    pub(super) fn flush(&mut self) -> Poll<io::Result<()>> {
        let mut context = Context::from_waker(Waker::noop());
        self.near.poll_flush(&mut context)
    }

    pub(super) fn shut_down(&mut self) -> Poll<io::Result<()>> {
        let mut context = Context::from_waker(Waker::noop());
        self.near.poll_shutdown(&mut context)
    }

    /// Moves everything that can be moved.
    pub(super) fn settle(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut idle = 0;
        // Our side may have taken in part of a record, and made room on the wire.
        while idle < 2 {
            let mut moved = self.far.deliver(usize::MAX, &mut context);
            let had_ended = self.ended.is_some();
            moved += self.hear(ROOM_BYTES);
            moved += usize::from(self.ended.is_some() != had_ended);
            drop(self.flush());
            moved += self.far.receive(ROOM_BYTES, &mut context);
            idle = if moved == 0 { idle + 1 } else { 0 };
        }
    }

    /// Everything that was said, and nothing else, was heard on both sides.
    pub(super) fn assert_heard(&self) {
        assert!(self.heard == text(0, self.far.said), "what we heard");
        assert!(
            self.far.heard == text(0, self.said),
            "what the client heard"
        );
    }

    /// Nothing is kept that an idle connection does not need.
    pub(super) fn assert_bare(&self) {
        assert!(self.near.kept.is_nothing());
    }
}
