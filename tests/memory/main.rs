//! What a client can make the process hold: next to nothing, however much passes through it, and
//! the other tenant's clients are served meanwhile.
//!
//! `TIDEGATE_MEMORY_FULL` lets everything run at its full size: a million where it is tens of
//! thousands otherwise.
#![cfg(test)]

mod large;
mod many;
mod slow;
mod world;
