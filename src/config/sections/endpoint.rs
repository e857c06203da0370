//! `[[tenant.endpoint]]`: one Postgres instance of a tenant.

use crate::config::bounds::Any;
use crate::config::bounds::Bounds;
use crate::config::bounds::Each;
use crate::config::choice::choices;
use crate::config::name::Name;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::reading::value::Value;
use crate::config::sections::host::Host;
use crate::config::sections::server_tls::ServerTls;
use crate::config::sections::server_tls::ServerTlsRows;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

choices! {
    /// What an endpoint is used for.
    pub enum Role {
        /// Writes, and reads that cannot go elsewhere.
        Primary = "primary",
        /// Reads.
        Replica = "replica",
        /// What it says of itself, asked again and again.
        Auto = "auto",
    }
}

settings! {
    /// One Postgres instance of a tenant.
    pub struct Endpoint in "[[tenant.endpoint]]" {
        /// The name in logs, metrics and the console; not given: the host and the port.
        name: String = String::new(), NameOrNone, "name", Reload => "\"eu-1\"";
        /// A name, an address, or the directory of a unix socket.
        host: Host = Host::Name(String::new()), Any, "host", Reload, Required => "\"127.0.0.1\"";
        /// The port.
        port: u16 = 5432, 1..=65_535, "port", Reload;
        /// What it is used for; `auto` asks the server itself.
        role: Role = Role::Primary, Any, "word", Reload;
        /// Where it runs; compared with the node's region.
        region: String = String::new(), Any, "name", Reload;
        /// Its share of the reads among endpoints that are equally near; 0 gives it none.
        weight: u32 = 1, 0..=1000, "share", Reload;
        /// The most servers of each pool at this endpoint; not given: the pool's `pool_size`; 0 is no limit.
        pool_size: Option<u32> = None, Each(0..=100_000), "servers", Reload => "20";
        /// How many of them are kept ready while the pool has clients; not given: the pool's
        /// `min_pool_size` at the primary, none at a replica.
        min_pool_size: Option<u32> = None, Each(0..=100_000), "servers", Reload => "2";
    }
    with {
        /// TLS towards it.
        tls: ServerTls = ServerTls::default();
    }
}

/// A name, or none, which is then made of the host and the port.
struct NameOrNone;

impl Bounds<String> for NameOrNone {
    fn refuse(&self, value: &String, written: &Value<'_>) -> Option<Problem> {
        if value.is_empty() {
            None
        } else {
            Name.refuse(value, written)
        }
    }
}

impl Endpoint {
    /// Reads `[[tenant.endpoint]]`; `tls` is the tenant's.
    pub(in crate::config) fn load(section: &mut Section<'_>, tls: &ServerTlsRows) -> Self {
        let mut endpoint = Self::read(section, Scope::Own, &Self::default());
        if endpoint.name.is_empty() {
            endpoint.name = format!("{}:{}", endpoint.host, endpoint.port);
        }
        if let (Some(pool_size), Some(min_pool_size)) = (endpoint.pool_size, endpoint.min_pool_size)
            && pool_size > 0
            && min_pool_size > pool_size
        {
            let problem = Problem::PoolSizes {
                min_pool_size,
                pool_size,
            };
            section.mistake_here("min_pool_size", problem);
        }
        let rows = ServerTlsRows::load(section, tls);
        endpoint.tls = rows.resolve(endpoint.host.is_local());
        endpoint
    }

    /// Whether a connection to the one is as good as a connection to the other.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port && self.tls == other.tls
    }

    /// Whether both are one instance that is used for the same, whatever its share of the work is.
    pub fn is_same_instance(&self, other: &Self) -> bool {
        self.name == other.name && self.role == other.role && self.is_same_place(other)
    }
}
