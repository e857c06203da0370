//! Prepared statements of clients that share servers: each client has its own names, wherever its
//! next transaction runs, and hears what a server of its own would say.
#![cfg(test)]

mod follow;
mod names;
mod plans;
mod shared;
mod two;
mod unnamed;
