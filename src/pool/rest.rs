//! A tenant that nobody uses: its endpoints are asked nothing, and its idle servers are not relied on
//! until they have been.

use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use crate::limits::REST_END_WAIT;
use crate::limits::TICK_INTERVAL;
use crate::pool::Pool;
use crate::pool::ServerCard;
use crate::pool::ServerState;
use crate::routing::Topology;

/// A rest that has ended, and of whose endpoints nobody knows yet how they are.
pub(super) struct Rest {
    topology: Arc<Topology>,
    ended_at: Instant,
}

impl Pool {
    /// Has the endpoints asked as long as clients use the pool. Before that ends, idle servers are doubted
    /// where the primary may become another one: who asks for one of them has the endpoints asked first.
    pub(super) fn tell_of_use(&self, now: Instant) {
        let Some(topology) = self.tenants_topology() else {
            return;
        };
        if self.is_used(now) {
            topology.note_use(now);
        } else if self.lookout.borrow().is_auto() && topology.dozes(now) {
            self.doubt();
        }
    }

    /// Whether a client waits for a server, or has one, or had one since the last look.
    fn is_used(&self, now: Instant) -> bool {
        let is_lent = |card: &Rc<ServerCard>| card.state.get() == ServerState::Active;
        let was_lent =
            |card: &Rc<ServerCard>| now.duration_since(card.used_at.get()) <= TICK_INTERVAL * 2;
        let cards = self.cards.borrow();
        !self.queue.is_empty() || cards.iter().any(|card| is_lent(card) || was_lent(card))
    }

    /// A client needs a server. If endpoints rest, and one of them may be the primary that was not, they
    /// are asked; the server is to wait for the [end](Self::end) of that.
    pub(super) fn begin_use(&self, now: Instant) -> Option<Rest> {
        let lookout = self.lookout.borrow();
        let topology = lookout.topology().filter(|_| lookout.is_auto())?;
        if topology.dozes(now) {
            topology.note_use(now);
        }
        // Somebody else may have ended it a moment ago.
        let ended_at = topology.unheard_since(now)?;
        topology.ask_all();
        Some(Rest {
            topology: Arc::clone(topology),
            ended_at,
        })
    }

    /// Waits until endpoints that rested have been asked, and goes where the primary is by then. A server
    /// that was its before may be a standby's by now, or worse, of one that does not know it yet.
    pub(super) async fn end(self: &Rc<Self>, rest: Option<Rest>) {
        if let Some(Rest { topology, ended_at }) = rest {
            let limit = REST_END_WAIT.saturating_sub(ended_at.elapsed());
            topology.heard_since(ended_at, limit).await;
            self.follow(Instant::now());
        }
    }

    /// What is known of the tenant's endpoints. A pool at a replica has nothing to find out itself.
    fn tenants_topology(&self) -> Option<Arc<Topology>> {
        let primary = self.primary.upgrade();
        let lookout = primary
            .as_ref()
            .map_or(&self.lookout, |primary| &primary.lookout);
        lookout.borrow().topology().map(Arc::clone)
    }
}
