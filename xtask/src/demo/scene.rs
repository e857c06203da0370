//! The programs of the demo: one PostgreSQL, one Tidegate, and HAProxy twice.
//!
//! The first HAProxy passes on the address that it sees. The second pretends that its clients come
//! from elsewhere, which is the only way to meet a network restriction without leaving loopback.

use tidegate_harness::Cluster;
use tidegate_harness::Failure;
use tidegate_harness::HaProxy;
use tidegate_harness::HaProxyOptions;
use tidegate_harness::Pooler;
use tidegate_harness::Ready;
use tidegate_harness::SendProxy;
use tidegate_harness::Version;
use tidegate_harness::free_port;

/// From where the second HAProxy says that its clients come.
pub(crate) const ELSEWHERE: &str = "203.0.113.7";
pub(crate) const TENANT: &str = "acme";
const DATABASE: &str = "shop";
const USER: &str = "app";
const PASSWORD: &str = "tide";
const OPERATOR: &str = "operator";
const OPERATOR_PASSWORD: &str = "gate";

/// Everything that runs during the demo.
#[derive(Debug)]
pub(crate) struct Scene {
    /// In front, for clients on this machine.
    pub(crate) haproxy: HaProxy,
    /// In front, for clients from elsewhere.
    pub(crate) haproxy_elsewhere: HaProxy,
    /// Tidegate.
    pub(crate) pooler: Pooler,
    /// Behind.
    pub(crate) cluster: Cluster,
    ports: Ports,
}

#[derive(Debug)]
struct Ports {
    public: u16,
    console: u16,
    http: u16,
}

impl Scene {
    /// Starts all of it, the PostgreSQL of the distribution if there is one.
    ///
    /// # Errors
    /// What is missing or did not start, with its log.
    pub(crate) fn start() -> Result<Self, Failure> {
        let cluster = Cluster::start(Version::under_test())?;
        cluster.psql(&format!("create role {USER} login password '{PASSWORD}'"))?;
        cluster.psql(&format!("create database {DATABASE} owner {USER}"))?;
        let ports = Ports {
            public: free_port()?,
            console: free_port()?,
            http: free_port()?,
        };
        let pooler = Pooler::start(
            &configuration(&ports, cluster.port()),
            Ready::Http(ports.http),
        )?;
        let local = HaProxyOptions::to_port(ports.public, SendProxy::V2);
        let elsewhere = format!("tcp-request connection set-src str({ELSEWHERE})");
        let elsewhere = HaProxyOptions {
            frontend_lines: &elsewhere,
            ..HaProxyOptions::to_port(ports.public, SendProxy::V2)
        };
        let haproxy = HaProxy::start(&local)?;
        let haproxy_elsewhere = HaProxy::start(&elsewhere)?;
        Ok(Self {
            haproxy,
            haproxy_elsewhere,
            pooler,
            cluster,
            ports,
        })
    }

    /// What runs where.
    pub(crate) fn picture(&self) -> String {
        format!(
            "\n  client -> HAProxy :{} --PROXY v2--> Tidegate :{} -> PostgreSQL {} :{}\n  \
             operator -> Tidegate :{} (console), :{} (HTTP)\n",
            self.haproxy.port(),
            self.ports.public,
            self.cluster.binaries().major(),
            self.cluster.port(),
            self.ports.console,
            self.ports.http
        )
    }

    /// A client's way in.
    pub(crate) fn client_url(&self) -> String {
        url(
            &format!("{USER}.{TENANT}"),
            PASSWORD,
            self.haproxy.port(),
            DATABASE,
        )
    }

    /// The same for a client from elsewhere.
    pub(crate) fn elsewhere_url(&self) -> String {
        url(
            &format!("{USER}.{TENANT}"),
            PASSWORD,
            self.haproxy_elsewhere.port(),
            DATABASE,
        )
    }

    /// The operator's way in.
    pub(crate) fn console_url(&self) -> String {
        url(OPERATOR, OPERATOR_PASSWORD, self.ports.console, "pgbouncer")
    }

    /// The port of `/metrics`.
    pub(crate) fn http_port(&self) -> u16 {
        self.ports.http
    }
}

fn url(user: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgresql://{user}:{password}@127.0.0.1:{port}/{database}")
}

fn configuration(ports: &Ports, postgres: u16) -> String {
    let Ports {
        public,
        console,
        http,
    } = ports;
    format!(
        r#"[http]
address = "127.0.0.1:{http}"

[console]
admin_users = ["{OPERATOR}"]

[[console.user]]
name = "{OPERATOR}"
secret = "{OPERATOR_PASSWORD}"

[[listener]]
name = "public"
address = "127.0.0.1:{public}"
proxy_protocol = "v2"
trusted_proxies = ["127.0.0.1"]

[[listener]]
name = "operators"
address = "127.0.0.1:{console}"
console = true

[[tenant]]
name = "{TENANT}"

[tenant.network]
allow = ["127.0.0.0/8"]

[[tenant.endpoint]]
host = "127.0.0.1"
port = {postgres}

[[tenant.user]]
name = "{USER}"
secret = "{PASSWORD}"
"#
    )
}
