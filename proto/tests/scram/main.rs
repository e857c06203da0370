//! SCRAM as its peers see it: against itself, against `PostgreSQL`, against `postgres-protocol`, and
//! against peers that lie.
#![cfg(test)]

mod conversation;
mod hostile_server;
mod oracle;
mod postgres;
mod postgres_refusals;
mod round_trip;
mod tampering;
mod unknown_user;
