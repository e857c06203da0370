//! Reads that go to replicas: where they go, that they are never wrong, and that nobody notices what
//! becomes of a replica. With real streaming replication, and replicas as far away as other regions.
//!
//! [`crowd`] is the proof of the whole: clients that write and read counters through two nodes while
//! replicas lag, pause, die, take over and come back, and a [`history`] that no database may show.
//! `TIDEGATE_READS_SECONDS`, `TIDEGATE_READS_CLIENTS` and `TIDEGATE_READS_SEED` choose another
//! length, another number of clients and another course of things.
#![cfg(test)]

mod client;
mod course;
mod crowd;
mod distance;
mod drivers;
mod freshness;
mod history;
mod nemesis;
mod places;
mod stage;
mod trouble;
