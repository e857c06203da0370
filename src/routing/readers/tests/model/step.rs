//! What may happen in a history.

use std::time::Duration;

use crate::config::Consistency;
use crate::routing::readers::tests::model::CLIENTS;
use crate::routing::readers::tests::model::RECORD;
use crate::routing::readers::tests::model::SERVERS;

/// What may happen next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Passes(Duration),
    /// A client writes, and what becomes of the place of that write.
    Writes(usize, Told),
    Reads(usize, Consistency),
    /// What was written last is proven at last.
    Proves,
    Replays(usize, u64),
    Flushes(usize),
    /// One of its processes crashes, and it begins again this far behind.
    Crashes(usize, u64),
    /// It is started anew, or again if it was down: a primary that was left is a standby then.
    Restarts(usize, u64),
    GoesDown(usize),
    /// A standby takes over, and another had received something that the primary never acknowledged.
    TakesOver(usize, usize),
    /// A standby learns of the new timeline.
    Follows(usize),
    /// A primary that was left comes back as it was.
    Haunts(usize),
    /// Asks and is answered at once.
    Looks(usize),
    Monitors(usize, Look),
    Blames(usize),
}

/// What a monitor does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Asks,
    /// What is asked is looked up.
    LooksUp,
    Answers,
    /// It hears that its connection has ended.
    Notices,
}

/// Whether a client is told the place of its write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    AtOnce,
    Later,
    Never,
}

impl Step {
    /// Any number is a step. Drawn as numbers, histories are made quickly, and made shorter when one of
    /// them fails.
    pub(super) fn of(number: u32) -> Self {
        let [kind, server, other, amount] = number.to_le_bytes();
        let client = usize::from(server) % CLIENTS;
        let (server, other) = (usize::from(server) % SERVERS, usize::from(other) % SERVERS);
        let far = u64::from(amount % 6) * RECORD;
        match kind {
            0..=17 => Self::Passes(Duration::from_millis(u64::from(amount) + 1)),
            18..=35 => Self::Writes(
                client,
                [Told::AtOnce, Told::Later, Told::Never][usize::from(amount) % 3],
            ),
            36..=85 => Self::Reads(
                client,
                [
                    Consistency::Session,
                    Consistency::Session,
                    Consistency::Tenant,
                    Consistency::Eventual,
                ][usize::from(amount) % 4],
            ),
            86..=107 => Self::Proves,
            108..=140 => Self::Replays(server, far),
            141..=144 => Self::Flushes(server),
            145..=149 => Self::Crashes(server, far),
            150..=154 => Self::Restarts(server, far),
            155..=156 => Self::GoesDown(server),
            157..=158 => Self::TakesOver(server, other),
            159..=170 => Self::Follows(server),
            171 => Self::Haunts(server),
            172..=215 => Self::Looks(server),
            216..=226 => Self::Monitors(server, Look::Asks),
            227..=237 => Self::Monitors(server, Look::LooksUp),
            238..=248 => Self::Monitors(server, Look::Answers),
            249..=253 => Self::Monitors(server, Look::Notices),
            254..=255 => Self::Blames(server),
        }
    }
}
