//! What a region has for its clients: a Tidegate, and an HAProxy in front of it.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Database;
use tidegate_harness::Endpoint;
use tidegate_harness::Failure;
use tidegate_harness::HaProxy;
use tidegate_harness::HaProxyOptions;
use tidegate_harness::Node;
use tidegate_harness::NodeOptions;
use tidegate_harness::OPERATOR;
use tidegate_harness::OPERATOR_PASSWORD;
use tidegate_harness::SendProxy;
use tidegate_harness::free_port;
use tidegate_harness::polling;
use tidegate_harness::wire::Wire;

use super::names::url;
use super::region::Region;
use super::region::Way;

/// The tenant that does not let everybody in.
pub(crate) const VAULT: &str = "vault";

/// A read whose answer shows which region it came from.
pub(crate) const READ: &str = "select count(*), (select region from here) from orders";

/// What both nodes ask of a load balancer.
const LISTENER: &str = "proxy_protocol = \"v2\"\ntrusted_proxies = [\"127.0.0.1\"]";

/// Reads must have come home by then.
const LIMIT: Duration = Duration::from_secs(30);

/// All of it. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Site {
    // Dropped in this order: clients are cut off first, then the ways to the servers.
    /// Where clients come in.
    pub(crate) haproxy: HaProxy,
    /// Where HAProxy sends them.
    pub(crate) node: Node,
    /// Where it is.
    pub(crate) region: Region,
    /// The port of `/metrics`.
    pub(crate) http_port: u16,
    _ways: Vec<Way>,
}

impl Site {
    /// Starts it.
    ///
    /// # Errors
    /// What is missing or did not start, with its log.
    pub(crate) fn open(
        region: Region,
        clusters: &[Cluster; 3],
        database: &Database,
    ) -> Result<Self, Failure> {
        let ways = Region::ALL.into_iter().zip(clusters);
        let ways = ways.map(|(other, cluster)| Way::new(region, other, cluster));
        let ways = ways.collect::<Result<Vec<Way>, Failure>>()?;
        let endpoints = Region::ALL.into_iter().zip(&ways);
        let endpoints: Vec<Endpoint> = endpoints.map(|(at, way)| endpoint(at, way)).collect();
        let http_port = free_port()?;
        let node = Node::start(
            database,
            &endpoints,
            &NodeOptions {
                node: &format!("region = \"{}\"", region.name()),
                listener: LISTENER,
                more: &more(&endpoints, database, http_port),
                ..NodeOptions::default()
            },
        )?;
        Ok(Self {
            haproxy: HaProxy::start(&HaProxyOptions::to_port(node.port(), SendProxy::V2))?,
            node,
            region,
            http_port,
            _ways: ways,
        })
    }

    /// Waits until reads are served in this region, as they are once the node has measured the
    /// distances and knows the functions of the database.
    ///
    /// # Errors
    /// [`Failure::Late`] if they are not.
    pub(crate) fn until_at_home(&self) -> Result<(), Failure> {
        let home = self.region.name();
        let mut login = self.node.login();
        login.address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.haproxy.port()));
        let mut client = Wire::connect(&login)?;
        polling::until(&format!("a read in {home}"), LIMIT, || {
            let is_at_home = client.query(READ)?.ends_with(home);
            Ok(is_at_home.then_some(()))
        })
    }

    /// The operator's way in.
    pub(crate) fn console_url(&self) -> String {
        let port = self.node.console_port();
        url(OPERATOR, OPERATOR_PASSWORD, port, "pgbouncer")
    }
}

fn endpoint(region: Region, way: &Way) -> Endpoint {
    let mut endpoint = Endpoint::auto(region.name(), way.port());
    let region = format!("\nregion = \"{}\"", region.name());
    endpoint.lines.push_str(&region);
    endpoint
}

/// The tenant that does not let everybody in, and the page of metrics.
fn more(endpoints: &[Endpoint], database: &Database, http_port: u16) -> String {
    let endpoints: String = endpoints.iter().map(Endpoint::text).collect();
    let Database { user, password, .. } = database;
    format!(
        r#"[[tenant]]
name = "{VAULT}"
[tenant.network]
allow = ["127.0.0.0/8"]
{endpoints}
[[tenant.user]]
name = "{user}"
secret = "{password}"
[http]
address = "127.0.0.1:{http_port}"
"#
    )
}
