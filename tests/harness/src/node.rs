//! A Tidegate whose tenant has several endpoints, and whoever talks to it.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use crate::database::Database;
use crate::failure::Failure;
use crate::pooler::Pooler;
use crate::pooler::Ready;
use crate::port::free_port;
use crate::wire::Login;
use crate::wire::Wire;
use crate::wire::WireError;

/// The tenant of every [`Node`]; its clients need not name it.
pub const NODE_TENANT: &str = "acme";
/// Who may ask the console of every [`Node`].
pub const OPERATOR: &str = "operator";
/// The password of the operator.
pub const OPERATOR_PASSWORD: &str = "gate";

/// Lines of TOML by the section they belong to. What is not given has its default.
#[derive(Debug, Clone, Copy, Default)]
pub struct NodeOptions<'a> {
    /// `[node]`.
    pub node: &'a str,
    /// `[log]`.
    pub log: &'a str,
    /// `[pool]`.
    pub pool: &'a str,
    /// `[[listener]]`, the one for clients.
    pub listener: &'a str,
    /// `[[tenant]]`.
    pub tenant: &'a str,
    /// Whole sections that come after all others.
    pub more: &'a str,
}

/// One server of a tenant, as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The way to it, a port on 127.0.0.1.
    pub port: u16,
    /// Lines for `[[tenant.endpoint]]`.
    pub lines: String,
}

impl Endpoint {
    /// One that says itself whether it is the primary.
    pub fn auto(name: impl Into<String>, port: u16) -> Self {
        Self {
            name: name.into(),
            port,
            lines: "role = \"auto\"".to_owned(),
        }
    }

    /// Several of them, `e0` and so on.
    pub fn numbered(ports: impl IntoIterator<Item = u16>) -> Vec<Self> {
        let ports = ports.into_iter().enumerate();
        let endpoint = |(number, port)| Self::auto(format!("e{number}"), port);
        ports.map(endpoint).collect()
    }

    /// Its section of the configuration.
    pub fn text(&self) -> String {
        let Self { name, port, lines } = self;
        format!(
            "[[tenant.endpoint]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\n{lines}\n"
        )
    }
}

/// A running Tidegate in front of them. Gone when dropped.
#[derive(Debug)]
pub struct Node {
    /// The program.
    pub pooler: Pooler,
    database: Database,
    port: u16,
    console_port: u16,
}

impl Node {
    /// Starts one. Its tenant has the owner of the database as its user.
    ///
    /// # Errors
    /// As [`Pooler::start`].
    pub fn start(
        database: &Database,
        endpoints: &[Endpoint],
        options: &NodeOptions<'_>,
    ) -> Result<Self, Failure> {
        let (port, console_port) = (free_port()?, free_port()?);
        let text = configuration(database, endpoints, options, port, console_port);
        Ok(Self {
            pooler: Pooler::start(&text, Ready::Port(console_port))?,
            database: database.clone(),
            port,
            console_port,
        })
    }

    /// Where clients come in, a port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where operators come in, a port on 127.0.0.1.
    pub fn console_port(&self) -> u16 {
        self.console_port
    }

    /// What the owner of the database says to log in.
    pub fn login(&self) -> Login {
        let Database {
            name,
            user,
            password,
            ..
        } = &self.database;
        login(self.port, user, password, name)
    }

    /// A client that is logged in.
    ///
    /// # Errors
    /// [`WireError::Refused`] with what Tidegate said.
    pub fn connect(&self) -> Result<Wire, WireError> {
        Wire::connect(&self.login())
    }

    /// What the console answers, one row a line, fields parted by `|`.
    ///
    /// # Errors
    /// [`WireError::Refused`] with what it said.
    pub fn console(&self, sql: &str) -> Result<String, WireError> {
        let login = login(self.console_port, OPERATOR, OPERATOR_PASSWORD, "pgbouncer");
        Wire::connect(&login)?.query(sql)
    }

    /// Columns of what the console shows of the endpoints, one endpoint an item, parted by blanks.
    ///
    /// # Errors
    /// As [`Node::console`].
    pub fn endpoints(&self, columns: &[usize]) -> Result<Vec<String>, WireError> {
        let shown = self.console("SHOW ENDPOINTS")?;
        let line = |line: &str| {
            let values: Vec<&str> = line.split('|').collect();
            let values = columns.iter().filter_map(|column| values.get(*column));
            values.copied().collect::<Vec<&str>>().join(" ")
        };
        Ok(shown.lines().map(line).collect())
    }
}

fn login(port: u16, user: &str, password: &str, database: &str) -> Login {
    Login {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        user: user.to_owned(),
        database: database.to_owned(),
        password: password.to_owned(),
        parameters: Vec::new(),
        before: Vec::new(),
        protocol_minor: 0,
    }
}

fn configuration(
    database: &Database,
    endpoints: &[Endpoint],
    options: &NodeOptions<'_>,
    port: u16,
    console_port: u16,
) -> String {
    let mut text = String::new();
    let mut section = |head: &str, own: &str, lines: &str| {
        // Writing to a string cannot fail.
        write!(text, "{head}\n{own}\n{lines}\n").ok();
    };
    section("[node]", "", options.node);
    section("[log]", "", options.log);
    section("[console]", &format!("admin_users = [\"{OPERATOR}\"]"), "");
    let operator = format!("name = \"{OPERATOR}\"\nsecret = \"{OPERATOR_PASSWORD}\"");
    section("[[console.user]]", &operator, "");
    section("[pool]", "", options.pool);
    let address = format!("address = \"127.0.0.1:{port}\"");
    let listener = format!("name = \"main\"\n{address}\ndefault_tenant = \"{NODE_TENANT}\"");
    section("[[listener]]", &listener, options.listener);
    let address = format!("address = \"127.0.0.1:{console_port}\"");
    let listener = format!("name = \"operators\"\n{address}\nconsole = true");
    section("[[listener]]", &listener, "");
    section(
        "[[tenant]]",
        &format!("name = \"{NODE_TENANT}\""),
        options.tenant,
    );
    for endpoint in endpoints {
        section("", &endpoint.text(), "");
    }
    let Database { user, password, .. } = database;
    let user = format!("name = \"{user}\"\nsecret = \"{password}\"");
    section("[[tenant.user]]", &user, "");
    section("", "", options.more);
    text
}
