//! What all workers of a node share. None of it is touched in a transaction.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admin::Desk;
use crate::config::Config;
use crate::edge::Gate;
use crate::edge::ListenerRuntime;
use crate::pool::Catalogs;
use crate::pool::Names;
use crate::pool::Sleepers;
use crate::routing::Topologies;
use crate::session::CancelKeys;
use crate::session::Homes;
use crate::session::Mailboxes;
use crate::telemetry::LogHandle;
use crate::tenancy::Directory;
use crate::tenancy::NodeCounts;

/// What all workers of a node share.
#[derive(Debug)]
pub struct NodeState {
    /// Where the configuration was loaded from, and is loaded from again.
    pub config_path: PathBuf,
    /// The configuration of the moment.
    pub config: Arc<ArcSwap<Config>>,
    /// The tenants.
    pub directory: Arc<Directory>,
    /// The counts against the limits of the node.
    pub counts: Arc<NodeCounts>,
    /// What every connection passes.
    pub gate: Gate,
    /// The listeners, in the order of the configuration.
    pub listeners: Vec<Arc<ListenerRuntime>>,
    /// What clients cancel with.
    pub cancel_keys: Arc<CancelKeys>,
    /// Which worker is the home of which pool.
    pub homes: Arc<Homes>,
    /// What the names of statements on servers begin with.
    pub statement_prefix: Arc<str>,
    /// What is known of tenants' endpoints.
    pub topologies: Arc<Topologies>,
    /// What is known of the names of endpoints.
    pub names: Arc<Names>,
    /// What is known of databases' functions.
    pub catalogs: Arc<Catalogs>,
    /// The databases that may sleep.
    pub sleepers: Arc<Sleepers>,
    /// The way to every worker.
    pub mailboxes: Mailboxes,
    /// What operators read.
    pub desk: Arc<Desk>,
    /// The log's level can be changed.
    pub log: Option<LogHandle>,
}
