//! A read that waits for a near replica to replay what it must see, where that is sooner than a
//! farther endpoint can answer.

use std::task::Context;

use crate::pool::Wait;
use crate::session::ClientState;
use crate::session::reads::Reading;
use crate::session::run::Session;

/// Whether a read waits.
#[derive(Debug, Default)]
pub(super) enum Replay {
    /// It has not waited.
    #[default]
    None,
    /// It waits.
    Awaited(Wait),
    /// It has waited, and does not once more.
    Over,
}

impl Reading {
    /// Whether what is held waits for a replica.
    pub(super) fn awaits_replay(&self) -> bool {
        matches!(self.replay, Replay::Awaited(_))
    }
}

impl Session {
    /// Whether what is held waits for a replica.
    #[inline]
    pub(in crate::session) fn awaits_replay(&self) -> bool {
        let reading = self.reading.as_ref();
        reading.is_some_and(|reading| reading.awaits_replay())
    }

    /// Whether it has just ended to wait for that.
    pub(in crate::session) fn has_waited(&mut self, context: &mut Context<'_>) -> bool {
        let Some(reading) = &mut self.reading else {
            return false;
        };
        let Replay::Awaited(wait) = &mut reading.replay else {
            return false;
        };
        let is_over = wait.poll(context);
        if is_over {
            reading.replay = Replay::Over;
            self.client.enter(ClientState::Idle, self.client.now());
        }
        is_over
    }
}
