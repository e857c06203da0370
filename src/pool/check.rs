//! A server that was unused for long is asked whether it lives before a client gets it: a firewall may
//! have forgotten its connection, or the machine may have slept.

use std::rc::Rc;

use tokio::time::Instant;

use crate::limits::CHECK_TIMEOUT;
use crate::pool::Pool;
use crate::pool::Server;
use crate::pool::ServerState;
use crate::pool::checkout::lend;
use crate::pool::injected;
use crate::pool::release::release_unused;
use crate::pool::reset::within;

/// A server that is being asked, most often because a client waits for it.
struct Checking(Rc<Pool>);

impl Drop for Checking {
    fn drop(&mut self) {
        let checking = &self.0.checking;
        checking.set(checking.get().saturating_sub(1));
    }
}

impl Pool {
    /// Whether a server was unused for `server_check_delay`, or may be dead for another reason.
    pub(super) fn wants_check(&self, server: &Server, now: Instant) -> bool {
        if server.is_doubted {
            return true;
        }
        let delay = self.user.borrow().pool.server_check_delay;
        let used_at = server.card.used_at.get();
        self.check_delay.is_reached(used_at, now, delay)
    }

    /// Has every server that nobody uses asked before it is lent again.
    pub(super) fn doubt(&self) {
        for unused in [&self.idle, &self.canceled] {
            for server in unused.borrow_mut().iter_mut() {
                server.is_doubted = true;
            }
        }
    }

    /// Asks a server, in a task of its own. If it answers, it goes to the client that waits longest;
    /// if not, another one is opened.
    pub(super) fn check(self: &Rc<Self>, server: Box<Server>, now: Instant) {
        self.checking.set(self.checking.get() + 1);
        let (checking, pool) = (Checking(Rc::clone(self)), Rc::clone(self));
        let mut lease = lend(server, now);
        lease.card.state.set(ServerState::Tested);
        tokio::task::spawn_local(async move {
            // Nothing is said, and that is answered.
            let asked = injected::run(&mut lease, b"", |_, _| ());
            let rest = pool.begin_use(now);
            let answered = within(CHECK_TIMEOUT, asked).await;
            if answered.is_ok() {
                pool.end(rest).await;
            }
            drop(checking);
            match answered {
                Ok(()) => {
                    lease.is_doubted = false;
                    release_unused(lease, Instant::now());
                },
                Err(error) => {
                    tracing::info!(tenant = lease.pool.tenant.name(), error = %error.chain(), "an idle server does not answer");
                    // Nobody's query runs there that could be canceled.
                    if let Some(server) = lease.into_server() {
                        let pool = Rc::clone(&server.pool);
                        pool.abandon(server);
                    }
                },
            }
        });
    }
}
