//! How many clients and servers the node holds, all tenants together.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::config;
use crate::tenancy::occupancy::Occupancy;
use crate::tenancy::occupancy::Side;

/// The node's counts and their limits; one per process, shared by its workers.
#[derive(Debug, Default)]
pub struct NodeCounts {
    pub(super) occupancy: Occupancy,
    clients_max: AtomicU32,
    servers_max: AtomicU32,
    ids: AtomicU64,
}

impl NodeCounts {
    /// Nothing held, with the limits of this configuration.
    pub fn new(node: &config::Node) -> Self {
        let counts = Self::default();
        counts.reload(node);
        counts
    }

    /// Takes the limits of a new configuration. Connections above a lowered one stay.
    pub fn reload(&self, node: &config::Node) {
        self.clients_max
            .store(node.max_client_conn, Ordering::Release);
        self.servers_max
            .store(node.max_server_connections, Ordering::Release);
    }

    /// Clients held.
    pub fn clients(&self) -> u32 {
        self.occupancy.held(Side::Client)
    }

    /// Servers held.
    pub fn servers(&self) -> u32 {
        self.occupancy.held(Side::Server)
    }

    /// A number for a connection, unique in this process. Numbers come from one row for all workers,
    /// so that they stay small: PgBouncer shows them as `int4`, and clients read them as such.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The most clients; 0 is no limit.
    pub fn clients_max(&self) -> u32 {
        self.limit(Side::Client)
    }

    /// The most servers; 0 is no limit.
    pub fn servers_max(&self) -> u32 {
        self.limit(Side::Server)
    }

    /// The limit of one side; 0 is none.
    pub(super) fn limit(&self, side: Side) -> u32 {
        match side {
            Side::Client => self.clients_max.load(Ordering::Acquire),
            Side::Server => self.servers_max.load(Ordering::Acquire),
        }
    }
}
