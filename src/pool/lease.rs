//! The exclusive right of one client to one server, from checkout to release.
//!
//! Dropping a lease closes its server: a future that is dropped at any await point, an error on
//! any path, a panic, all end here, and never lend a server that was not proven clean. The one way
//! back is [`release`](crate::pool::release).

use std::ops::Deref;
use std::ops::DerefMut;
use std::rc::Rc;

use crate::pool::Server;

/// The exclusive right to a server.
#[derive(Debug)]
#[must_use = "dropping a lease closes its server"]
pub struct Lease(Option<Box<Server>>);

impl Lease {
    pub(super) fn new(server: Box<Server>) -> Self {
        Self(Some(server))
    }

    pub(super) fn into_server(mut self) -> Option<Box<Server>> {
        self.0.take()
    }
}

impl Deref for Lease {
    type Target = Server;

    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "only `into_server`, which consumes the lease, empties it"
    )]
    fn deref(&self) -> &Server {
        self.0.as_ref().expect("a lease holds its server")
    }
}

impl DerefMut for Lease {
    #[inline]
    #[expect(
        clippy::expect_used,
        reason = "only `into_server`, which consumes the lease, empties it"
    )]
    fn deref_mut(&mut self) -> &mut Server {
        self.0.as_mut().expect("a lease holds its server")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            let pool = Rc::clone(&server.pool);
            server.card.own_rounds.forget();
            pool.discard(server);
        }
    }
}
