//! The wire codecs from outside: against `postgres-protocol`, the codec of `tokio-postgres`, and
//! with every length a hostile peer could announce.
#![cfg(test)]

mod backend_oracle;
mod frontend_oracle;
mod lengths;
