//! Authentication against the real thing: our login against a Postgres, libpq's against ours.
#![cfg(test)]

mod libpq_logs_in_to_us;
mod we_log_in_to_postgres;
mod wire;
