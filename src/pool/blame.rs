//! A replica is left out of reads for a while when a server of it fails.

use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use tokio::time::Instant;

use crate::pool::Pool;
use crate::pool::PoolError;
use crate::pool::Server;

impl Pool {
    /// A server could not be opened. That one user's login is refused says nothing of the endpoint, or
    /// everybody's reads would be anybody's to move; and a database that sleeps is about to wake up.
    pub(super) fn blame_for(&self, error: &PoolError, now: Instant) {
        if error.is_of_reach() && self.sleeper().is_none() {
            self.blame(error.chain(), now);
        }
    }

    /// A server comes back that nobody can use any more. It may be ours what is wrong with it: a client
    /// that left while it was asked something. Its own doing is that its connection has ended.
    pub(super) fn blame_if_broken(&self, server: &mut Server, now: Instant) {
        if self.key.endpoint().is_none() || !server.is_broken {
            return;
        }
        let mut context = Context::from_waker(Waker::noop());
        let polled = server.socket.poll_read(&mut context, &mut [0]);
        if let Poll::Ready(Ok(0) | Err(_)) = polled {
            self.blame("a server broke while it was in use".to_owned(), now);
        }
    }

    /// Where servers go wherever the primary is, others watch over that.
    fn blame(&self, error: String, now: Instant) {
        if self.key.endpoint().is_none() {
            return;
        }
        let topology = self.home.topologies.in_use(self.key.tenant());
        let endpoint = self.endpoint.borrow().clone();
        if let (Some(topology), Some(endpoint)) = (topology, endpoint) {
            topology.blame(&endpoint, error, now);
        }
    }
}
