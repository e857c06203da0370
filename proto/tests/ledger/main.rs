//! The ledger against a little PostgreSQL, and against servers that say anything.
#![cfg(test)]

mod hostile;
mod model;
mod rules;
