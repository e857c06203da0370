//! Where a text would go from this machine, found out without a node: the endpoints are looked at and the
//! database is asked for its functions as a pool would have it done, and then the same is told as by
//! `SHOW ROUTE`.
//!
//! Nobody is served here, nothing is logged, and no server is opened that a client could have.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::time::Instant;

use crate::admin;
use crate::admin::RouteLine;
use crate::admin::RouteQuestion;
use crate::config;
use crate::config::Config;
use crate::limits::EXPLAIN_PAUSE;
use crate::limits::EXPLAIN_TIMEOUT;
use crate::pool;
use crate::pool::Catalogs;
use crate::pool::Home;
use crate::pool::Names;
use crate::pool::Parcel;
use crate::pool::Pool;
use crate::pool::Post;
use crate::pool::Sockets;
use crate::pool::Surroundings;
use crate::routing::EndpointView;
use crate::routing::Place;
use crate::routing::Topologies;
use crate::routing::Topology;
use crate::tenancy::Directory;
use crate::tenancy::NodeCounts;
use crate::tenancy::Tenant;
use crate::worker::lookup::SystemLookup;
use crate::worker::randomness::random_bytes;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// The tenant.
    pub tenant: String,
    /// The database, by the name that clients give. Not given: the only one, or that of the user's name.
    pub database: Option<String>,
    /// The user, by the name that clients give. Not given: the only one.
    pub user: Option<String>,
    /// What a client would say.
    pub text: String,
}

/// Why it cannot be told where a text would go: the operator's fault, or the machine's.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The configuration has mistakes; each names its place.
    #[error("{0}")]
    Refused(config::Refused),
    /// No tenant has this name.
    #[error("there is no tenant {0}")]
    NoTenant(String),
    /// The tenant has no user of this name, and asks no database for others.
    #[error("the tenant has no user {0}")]
    NoUser(String),
    /// The tenant has several users, or none.
    #[error("which user? (--user)")]
    UserUnnamed,
    /// The tenant has no database of this name.
    #[error("the tenant has no database {0}")]
    NoDatabase(String),
    /// The system has no threads or files left.
    #[error("there is no runtime")]
    Runtime(#[source] std::io::Error),
}

/// Nobody else is here.
#[derive(Debug)]
struct Nobody;

impl Post for Nobody {
    fn send(&self, _worker: usize, parcel: Parcel) -> Result<(), Parcel> {
        Err(parcel)
    }
}

/// Loads a configuration, and tells where a text would go. Blocks the calling thread, for
/// [`EXPLAIN_TIMEOUT`] at most.
///
/// # Errors
///
/// [`ExplainError`]: nobody was asked.
pub fn explain(path: &Path, inquiry: &Inquiry) -> Result<Vec<RouteLine>, ExplainError> {
    let config = config::load(path).map_err(ExplainError::Refused)?.config;
    let directory = Directory::new(&config.tenants);
    let tenant = directory.find(&inquiry.tenant);
    let tenant = tenant.ok_or_else(|| ExplainError::NoTenant(inquiry.tenant.clone()))?;
    let user = user(&tenant, inquiry)?;
    let database = database(&tenant, &user, inquiry)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(ExplainError::Runtime)?;
    let topologies = Arc::<Topologies>::default();
    let catalogs = Arc::<Catalogs>::default();
    let region = config.node.region.clone();
    Ok(runtime.block_on(async {
        let home = home(config, &topologies, &catalogs);
        let pool = home.pool(&tenant, &database, &user);
        let topology = topologies.in_use(tenant.slot());
        if let Some(topology) = &topology {
            look(&pool, topology).await;
        }
        let question = RouteQuestion {
            tenant: &tenant.config(),
            user: &user,
            region: &region,
            topology: topology.as_deref(),
            functions: &catalogs.functions(&tenant, &database),
            text: &inquiry.text,
        };
        let lines = admin::route(&question, Instant::now());
        home.close();
        lines
    }))
}

/// If there is only one, that is meant.
fn user(tenant: &Tenant, inquiry: &Inquiry) -> Result<Arc<config::User>, ExplainError> {
    let config = tenant.config();
    let mut names = config.users.keys();
    let name = match (&inquiry.user, names.next(), names.next()) {
        (Some(name), ..) if !config.may_have(name) => {
            return Err(ExplainError::NoUser(name.clone()));
        },
        (Some(name), ..) | (None, Some(name), None) => name,
        (None, ..) => return Err(ExplainError::UserUnnamed),
    };
    Ok(config.user(name))
}

/// The database, by its name on the server.
fn database(
    tenant: &Tenant,
    user: &config::User,
    inquiry: &Inquiry,
) -> Result<String, ExplainError> {
    let config = tenant.config();
    let Some(databases) = &config.databases else {
        return Ok(inquiry.database.as_ref().unwrap_or(&user.name).clone());
    };
    let only = databases.keys().next().filter(|_| databases.len() == 1);
    let label = inquiry.database.as_ref().or(only).unwrap_or(&user.name);
    let database = databases.get(label).cloned();
    database.ok_or_else(|| ExplainError::NoDatabase(label.clone()))
}

fn home(config: Config, topologies: &Arc<Topologies>, catalogs: &Arc<Catalogs>) -> Rc<Home> {
    let counts = Arc::new(NodeCounts::new(&config.node));
    let names = Names::new(Box::new(SystemLookup), &config.node);
    let surroundings = Surroundings {
        random: random_bytes,
        region: config.node.region.as_str().into(),
        dial: Box::new(Sockets {
            config: Some(Arc::new(ArcSwap::from_pointee(config))),
            names: Some(Arc::new(names)),
        }),
        post: Box::new(Nobody),
        statement_prefix: pool::statement_prefix(random_bytes),
        topologies: Arc::clone(topologies),
        catalogs: Arc::clone(catalogs),
        sleepers: Arc::default(),
    };
    Home::new(0, counts, surroundings)
}

/// Until all is known, or what is not will not be known in time.
async fn look(pool: &Rc<Pool>, topology: &Topology) {
    let deadline = Instant::now() + EXPLAIN_TIMEOUT;
    loop {
        let now = Instant::now();
        pool.look_around(now);
        let is_known = |view: EndpointView| {
            view.failures > 0 || view.round_trip.is_some_and(|trip| trip.is_measured())
        };
        let has_looked = topology.view(now).into_iter().all(is_known);
        let is_nowhere = matches!(topology.place(), Place::Nowhere(_));
        let is_enough = has_looked && (is_nowhere || pool.has_functions());
        if is_enough || now >= deadline {
            return;
        }
        // Measured once is not measured.
        topology.want_news(now);
        tokio::time::sleep(EXPLAIN_PAUSE).await;
    }
}
