//! Whole logins, in memory and on a virtual clock: a client of each kind against `serve`.

mod certificates;
mod client;
mod login;
mod proxy;
mod tls;
mod world;
