//! What a load consists of, as it is typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::kind::Kind;

/// What a load consists of.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadOptions {
    /// Where the clients connect.
    #[arg(long)]
    pub(super) to: SocketAddr,
    /// Who they are; `{}` stands for the number of their tenant.
    #[arg(long, default_value = "bench")]
    pub(super) user: String,
    /// Which database they want; `{}` as in the user.
    #[arg(long, default_value = "bench")]
    pub(super) database: String,
    /// Their password, if one is asked for.
    #[arg(long, default_value = "")]
    pub(super) password: String,
    /// How many tenants the clients belong to, in turn.
    #[arg(long, default_value_t = 1)]
    pub(super) tenants: u32,
    /// The kind of transactions.
    #[arg(long, value_enum, default_value = "simple")]
    pub(super) kind: Kind,
    /// How many clients run transactions.
    #[arg(long, default_value_t = 32)]
    pub(super) clients: u32,
    /// How many more are connected and say nothing.
    #[arg(long, default_value_t = 0)]
    pub(super) idle: u32,
    /// How many threads the clients share.
    #[arg(long, default_value_t = 1)]
    pub(super) threads: u32,
    /// How long it is measured, in seconds.
    #[arg(long, default_value_t = 2.0)]
    pub(super) seconds: f64,
    /// How long it runs before, in seconds.
    #[arg(long, default_value_t = 0.5)]
    pub(super) warm_up: f64,
    /// How long memory is given to come to rest before it is looked at, in seconds.
    #[arg(long, default_value_t = 1.0)]
    pub(super) settle: f64,
    /// Each client runs one transaction, and all of that is measured.
    #[arg(long)]
    pub(super) once: bool,
    /// How long a client pauses after a transaction, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub(super) think_ms: u64,
    /// Rows of `pgbench_accounts`.
    #[arg(long, default_value_t = 10_000)]
    pub(super) accounts: u32,
    /// Take any answer for the right one.
    #[arg(long)]
    pub(super) unchecked: bool,
    /// The query of the kinds that need one.
    #[arg(long, default_value = "")]
    pub(super) query: String,
    /// How many rows that query gives, or messages of a COPY.
    #[arg(long)]
    pub(super) rows: Option<u64>,
    /// How many bytes a COPY sends.
    #[arg(long, default_value_t = 0)]
    pub(super) copy_bytes: u64,
    /// Use TLS, and trust the authority in this file.
    #[arg(long)]
    pub(super) tls_ca: Option<PathBuf>,
    /// How many addresses of loopback the clients come from: 127.0.0.1 and following.
    #[arg(long, default_value_t = 1)]
    pub(super) sources: u8,
    /// A process whose time and memory are measured.
    #[arg(long)]
    pub(super) watch: Option<u32>,
    /// A process that is measured together with its children; may be given several times.
    #[arg(long)]
    pub(super) watch_tree: Vec<u32>,
    /// Have strace count the system calls of the watched process, with this file for its output.
    #[arg(long)]
    pub(super) strace: Option<PathBuf>,
}
