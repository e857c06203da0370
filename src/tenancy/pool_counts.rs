//! What one pool holds, on all workers together, and on which of them it lives.
//!
//! A large pool has a shard on several workers. Each has servers and clients of its own; the size of
//! the pool is one number, counted here.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::tenancy::occupancy::Count;

/// What one pool holds, on all workers together.
#[derive(Debug, Default)]
pub struct PoolCounts {
    pub(super) servers: Count,
    /// The workers that have a shard of it.
    workers: Mutex<Vec<usize>>,
}

/// One worker's part in a pool. Dropping it takes the worker off.
#[derive(Debug)]
pub struct Shard {
    counts: Arc<PoolCounts>,
    worker: usize,
}

impl PoolCounts {
    /// Servers of the pool.
    pub fn servers(&self) -> u32 {
        self.servers.held()
    }

    /// Another worker has a part in the pool.
    pub fn join(self: &Arc<Self>, worker: usize) -> Shard {
        self.lock().push(worker);
        Shard {
            counts: Arc::clone(self),
            worker,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        // Every change of the list is complete before anything can panic.
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// The pool that it is part of.
    pub const fn counts(&self) -> &Arc<PoolCounts> {
        &self.counts
    }

    /// Another worker with a part in the pool: one after the other, as `turn` grows. `None` if
    /// there is no other.
    pub fn sibling(&self, turn: usize) -> Option<usize> {
        let workers = self.counts.lock();
        let others = workers.len().checked_sub(1)?;
        let turn = turn.checked_rem(others)?;
        let mut siblings = workers.iter().filter(|worker| **worker != self.worker);
        siblings.nth(turn).copied()
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // A worker may have a new part already while its former one is still in use by a task.
        let mut workers = self.counts.lock();
        if let Some(at) = workers.iter().position(|worker| *worker == self.worker) {
            workers.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_take_turns_and_one_alone_has_none() {
        let pool = Arc::new(PoolCounts::default());
        let first = pool.join(4);
        assert_eq!(first.sibling(0), None);
        let (second, third) = (pool.join(7), pool.join(9));
        let turns = (0..4).map(|turn| first.sibling(turn));
        assert_eq!(
            turns.collect::<Vec<_>>(),
            [Some(7), Some(9), Some(7), Some(9)]
        );
        drop(second);
        assert_eq!(third.sibling(0), Some(4));
        let again = third.counts().join(4);
        drop(first);
        assert_eq!(third.sibling(0), Some(4), "its other part is still there");
        drop(again);
        assert_eq!(third.sibling(0), None);
    }
}
