//! Whole logins, in memory and on a virtual clock: a client of each kind against `serve`.

mod client;
mod login;
mod world;
