//! The pool's state machine: two pools of one tenant, one of them on two workers, a few clients that ask, wait, give back and
//! vanish, servers that open, fail and die, time, reloads, cancel requests and a machine that sleeps, in any order.

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;

use crate::pool_world::World;

/// What happens next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    /// A client asks for a server, unless it has one or waits.
    Ask(u8),
    /// A client gives its server back.
    Release(u8),
    /// The same, and whoever gets it is gone before it can look.
    ReleaseToTheVanished(u8),
    /// A client gives its server back in the middle of something.
    ReleaseDirty(u8),
    /// A client leaves something behind: the server must be reset.
    ReleaseToReset(u8),
    /// A client is gone, with its server or its place in the queue.
    Vanish(u8),
    /// A cancel request for what a client runs.
    Cancel(u8),
    /// A connection that is being opened is there, and so is the login.
    Open(u8),
    /// It is not to be had.
    Fail(u8),
    /// A server's connection ends.
    Die(u8),
    /// A server speaks unasked.
    Speak(u8),
    /// A server answers a reset.
    Answer(u8),
    /// So many tenths of a second pass, then there is a tick.
    Tick(u8),
    /// The endpoint moves.
    Reload,
    /// Other settings of the pools.
    Adjust(u8),
    /// All clients of one part of a pool leave, and the next ones come.
    Leave(u8),
    Come(u8),
    /// The machine was asleep.
    Resume,
    /// What other workers sent to one arrives there.
    Deliver(u8),
}

impl Op {
    fn from_bytes([kind, which]: [u8; 2]) -> Self {
        match kind % 25 {
            0..4 => Self::Ask(which),
            4 => Self::ReleaseToTheVanished(which),
            5 | 6 => Self::Release(which),
            7 => Self::ReleaseDirty(which),
            8 => Self::ReleaseToReset(which),
            9 => Self::Vanish(which),
            10 => Self::Cancel(which),
            11..14 => Self::Open(which),
            14 => Self::Fail(which),
            15 => Self::Die(which),
            16 => Self::Speak(which),
            17 => Self::Answer(which),
            18 => Self::Tick(which),
            19 => Self::Reload,
            20 => Self::Deliver(which),
            21 => Self::Adjust(which),
            22 => Self::Leave(which),
            23 => Self::Come(which),
            _ => Self::Resume,
        }
    }
}

/// More is not needed to get anywhere.
const OPS_MAX: usize = 300;

/// Checks `data` as what happens, two bytes each.
///
/// # Panics
/// If the pool breaks one of the rules of `World::check`.
pub fn run(data: &[u8]) {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .expect("a runtime without I/O can be made");
    runtime.block_on(async {
        let mut world = World::new();
        for bytes in data.as_chunks().0.iter().take(OPS_MAX) {
            world.apply(Op::from_bytes(*bytes)).await;
            world.check();
        }
        world.end().await;
    });
}
