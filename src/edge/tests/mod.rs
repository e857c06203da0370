//! Whole logins, in memory and on a virtual clock: a client of each kind against `serve`.

mod certificates;
mod client;
mod deadlines;
mod handshake_model;
mod limits;
mod listeners;
mod login;
mod methods;
mod proxy;
mod sequences;
mod tls;
mod world;
