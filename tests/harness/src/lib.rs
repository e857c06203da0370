//! Real programs for the tests and the demo: Postgres, HAProxy, Tidegate, psql, pgbench, Python.
//!
//! Everything is started in a temporary folder, on loopback, on a free port, and is gone at the
//! end: dropped values stop their server, and whatever is left when the process ends (a `static`,
//! a panic, Ctrl-C, SIGKILL) is ended by the [keeper](crate#what-ends-a-server). The harness
//! installs nothing; `cargo xtask test` does.
//!
//! # A test in a few lines
//!
//! ```no_run
//! use tidegate_harness::Cluster;
//! use tidegate_harness::Pooler;
//! use tidegate_harness::Ready;
//! use tidegate_harness::free_port;
//!
//! # fn configuration(_: u16, _: &tidegate_harness::Database) -> String { String::new() }
//! #[test]
//! fn a_row_comes_back_through_the_pooler() {
//!     // One cluster for all tests of this program; `None` if the machine has no Postgres.
//!     let Some(cluster) = Cluster::shared() else { return };
//!     // Names of this test's own, so that tests do not see one another.
//!     let database = cluster.database().unwrap();
//!     let port = free_port().unwrap();
//!     let config = configuration(port, &database);
//!     let pooler = Pooler::start(&config, Ready::Port(port)).unwrap();
//!     let dsn = database.dsn_through(port, &format!("{}.acme", database.user));
//!     assert_eq!(cluster.binaries().psql(&dsn, "select 1").unwrap(), "1");
//!     assert!(pooler.log_lines().iter().any(|line| line.contains("acme")));
//! }
//! ```
//!
//! # What there is
//!
//! | value | what it is |
//! | --- | --- |
//! | [`Cluster::shared`] | one running Postgres for all tests of a program, in the version that `cargo xtask test` asks for |
//! | [`Cluster::start`], [`Cluster::start_with`] | a Postgres of the test's own: to kill it, or with settings, `pg_hba.conf` lines or TLS |
//! | [`Cluster::standby`], [`Cluster::promote`], [`Cluster::rejoin`] | streaming replication, and who takes over from whom |
//! | [`Cluster::standby_over`], [`Cluster::follow_over`], [`Cluster::rejoin_over`] | the same from afar, through a relay |
//! | [`Cluster::pause_replay`], [`Cluster::delay_replay`] | a standby that falls behind |
//! | [`Cluster::halt`], [`Cluster::start_again`] | a server that ends, or is killed, and comes back with its data |
//! | [`Cluster::database`] | a [`Database`] with a user and a password of its own |
//! | [`Cluster::psql`] | SQL as the superuser, past the pooler |
//! | [`tools::Binaries::psql`], [`tools::Binaries::pgbench`] | a libpq client on any connection string |
//! | [`programs::python`], [`programs::node`], [`programs::java`] | a driver test program under `tests/drivers/` |
//! | [`HaProxy::start`] | a real HAProxy with the PROXY header of your choice, checks, TLS |
//! | [`Patroni::start`] | Postgres servers that Patroni and etcd run, switch over and bring back |
//! | [`DelayingRelay::to`] | the way to another region: a round trip of your choice, and it can be cut |
//! | [`Pooler::start`], [`Pooler::reload`], [`Pooler::log_lines`] | a real Tidegate |
//! | [`Node::start`] | a Tidegate in front of several endpoints of one tenant, and its console |
//! | [`PooledDatabase::start`] | a database of the test's own with a Tidegate in front of it |
//! | [`PooledDatabase::reloaded`] | the same process with other settings, for tests of many cases |
//! | [`wire::proxied`], [`wire::proxied_through`] | what a load balancer says of a client, by hand |
//! | [`descriptors::allow`] | room for thousands of sockets |
//! | [`wire::Wire`] | a client that says what no driver would, message by message |
//! | [`Authority::new`] | throw-away certificates |
//! | [`free_port`], [`polling::until`], [`http_get`] | what such tests need besides |
//!
//! Every function returns a [`Failure`] that carries what the program said; a test unwraps it.
//! Open a test file with `#![cfg(test)]` below its `//!`, and clippy knows its helper functions as
//! test code.
//!
//! # When something is missing
//!
//! Without Postgres, `cargo test` passes and prints `SKIPPED …` for each test that had none. Under
//! `cargo xtask test` a lack of what it installed is a failure; see [`skip`]. For HAProxy,
//! Patroni, Python, Node.js and Java: `let Some(haproxy) = skip::unless(HaProxy::start(&options)) else { return };`.
//!
//! # What ends a server
//!
//! 1. `Drop`: the server's own signal (SIGQUIT for Postgres, as `pg_ctl stop -m immediate`), then
//!    SIGKILL after half a minute. Its folder goes afterwards.
//! 2. The keeper, a shell process that reads a pipe which only this process holds. When the pipe
//!    ends it does the same for whatever is left, and kills the servers that Patroni has started.
//!
//! As root, Postgres runs under the account `postgres` or `nobody`, because it refuses root.

mod account;
mod backends;
mod certificates;
mod cluster;
mod database;
pub mod descriptors;
mod failure;
mod folder;
mod haproxy;
mod keeper;
mod node;
mod patroni;
pub mod polling;
mod pooled;
mod pooler;
mod port;
mod process;
pub mod programs;
mod reachable;
mod relay;
pub mod skip;
pub mod tools;
mod version;
pub mod wire;

pub use crate::certificates::Authority;
pub use crate::certificates::KeyPair;
pub use crate::cluster::Cluster;
pub use crate::cluster::ClusterOptions;
pub use crate::cluster::SUPERUSER;
pub use crate::cluster::SUPERUSER_PASSWORD;
pub use crate::database::Database;
pub use crate::failure::Failure;
pub use crate::folder::Folder;
pub use crate::haproxy::HaProxy;
pub use crate::haproxy::HaProxyOptions;
pub use crate::haproxy::SendProxy;
pub use crate::node::Endpoint;
pub use crate::node::NODE_TENANT;
pub use crate::node::Node;
pub use crate::node::NodeOptions;
pub use crate::node::OPERATOR;
pub use crate::node::OPERATOR_PASSWORD;
pub use crate::patroni::Patroni;
pub use crate::pooled::PooledDatabase;
pub use crate::pooled::PoolerConfig;
pub use crate::pooler::Pooler;
pub use crate::pooler::Ready;
pub use crate::pooler::Surroundings;
pub use crate::pooler::http_get;
pub use crate::port::free_port;
pub use crate::process::ServerProcess;
pub use crate::process::StopSignal;
pub use crate::relay::DelayingRelay;
pub use crate::version::VERSION_VARIABLE;
pub use crate::version::Version;
