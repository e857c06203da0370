//! `[[tenant.endpoint]]`: one Postgres instance of a tenant.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::config::choice::choices;
use crate::config::listener::CertificateFiles;
use crate::config::setting::Any;
use crate::config::setting::settings;

/// Where an endpoint is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to resolve.
    Name(String),
    /// An address.
    Address(IpAddr),
    /// A unix socket, or the directory of one.
    Unix(PathBuf),
}

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

choices! {
    /// TLS towards a server.
    pub enum ServerTlsMode {
        /// None.
        Disable = "disable",
        /// Encrypted, whoever it is.
        Require = "require",
        /// Encrypted, with a certificate of a known authority.
        VerifyCa = "verify-ca",
        /// The same, and the certificate names the host.
        VerifyFull = "verify-full",
    }
}

settings! {
    /// TLS towards servers, for an endpoint or for all of a tenant.
    pub struct ServerTls in "[tenant.endpoint.server_tls]" {
        /// `disable`, `require`, `verify-ca` or `verify-full`. Not given: `verify-full`, but
        /// `disable` on loopback and unix sockets.
        mode: ServerTlsMode = ServerTlsMode::VerifyFull, Any, "word", Reload;
        /// The authorities that may sign the server's certificate; not given: the system's.
        ca: Option<PathBuf> = None, Any, "file", Reload => "\"server-ca.crt\"";
        /// The certificate that Tidegate shows to the server.
        certificate: Option<CertificateFiles> = None, Any, "files", Reload => "{ certificate = \"tidegate.crt\", key = \"tidegate.key\" }";
    }
}

settings! {
    /// One Postgres instance of a tenant.
    pub struct Endpoint in "[[tenant.endpoint]]" {
        /// The name in logs, metrics and the console; not given: the host and the port.
        name: String = String::new(), Any, "name", Reload;
        /// A name, an address, or the directory of a unix socket.
        host: Host = Host::Name(String::new()), Any, "host", Reload, Required => "\"127.0.0.1\"";
        /// The port.
        port: u16 = 5432, 1..=65_535, "port", Reload;
        /// What it is used for: `primary`, `replica` or `auto` (asked of the server).
        role: Role = Role::Primary, Any, "word", Reload;
        /// Where it runs; compared with the node's region.
        region: String = String::new(), Any, "name", Reload;
        /// Its share of the reads among endpoints that are equally near.
        weight: u32 = 1, 0..=1000, "share", Reload;
    }
    with {
        /// TLS towards it.
        tls: ServerTls = ServerTls::default();
    }
}
