//! The bodies of the fuzz targets: one module a target, each with `pub fn run(data: &[u8])` that
//! panics if something that must always hold does not.
//!
//! They are plain functions so that the same body runs under libFuzzer (`fuzz_targets/NAME.rs`) and
//! over the kept corpora on any toolchain (`tests/corpus.rs`).

pub mod backend;
mod backend_oracle;
pub mod config;
pub mod frame;
pub mod frontend;
pub mod ledger;
pub mod naive_tlvs;
pub mod pool;
mod pool_mail;
mod pool_rules;
mod pool_servers;
mod pool_setup;
mod pool_world;
pub mod proxy_header;
pub mod proxy_v1;
pub mod proxy_v2;
pub mod reads;
pub mod scram_client;
mod scram_model;
pub mod scram_server;
pub mod startup;

/// One fuzz target.
pub struct Target {
    /// The name of its module, of its binary and of its corpus folder.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
}

/// Every target.
#[rustfmt::skip] // One line a target.
pub const TARGETS: &[Target] = &[
    Target { name: "backend", run: backend::run },
    Target { name: "config", run: config::run },
    Target { name: "frame", run: frame::run },
    Target { name: "frontend", run: frontend::run },
    Target { name: "ledger", run: ledger::run },
    Target { name: "pool", run: pool::run },
    Target { name: "proxy_v1", run: proxy_v1::run },
    Target { name: "proxy_v2", run: proxy_v2::run },
    Target { name: "reads", run: reads::run },
    Target { name: "scram_client", run: scram_client::run },
    Target { name: "scram_server", run: scram_server::run },
    Target { name: "startup", run: startup::run },
];
