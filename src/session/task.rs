//! The task of one connection, from its first byte to the end of its session.
//!
//! A login takes much more room than a session, and most tasks of a worker are those of idle sessions.
//! So a login is a block of its own, which is given back at its end.

use std::fmt;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use crate::session::Live;

/// The task of one connection.
pub struct Task(Stage);

enum Stage {
    LoggingIn(Pin<Box<dyn Future<Output = Option<Live>>>>),
    Living(Live),
}

/// A task takes memory in steps of 128 bytes, of which some are the runtime's own: one byte more
/// than this costs every client of a worker a step.
const _: () = assert!(size_of::<Task>() <= 152);

impl Task {
    /// A connection whose session, if there is one, is what its login ends with.
    pub fn new(login: impl Future<Output = Option<Live>> + 'static) -> Self {
        Self(Stage::LoggingIn(Box::pin(login)))
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Stage::LoggingIn(_) => formatter.write_str("LoggingIn"),
            Stage::Living(live) => live.fmt(formatter),
        }
    }
}

impl Future for Task {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.0 {
                Stage::Living(live) => return Pin::new(live).poll(context),
                Stage::LoggingIn(login) => match ready!(login.as_mut().poll(context)) {
                    Some(live) => self.0 = Stage::Living(live),
                    None => return Poll::Ready(()),
                },
            }
        }
    }
}
