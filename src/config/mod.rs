//! The configuration: one definition per setting, from which the parser, the reload, `SHOW CONFIG`
//! and the documented file come.
//!
//! A loaded [`Config`] is complete and never changes: inheritance is resolved, every secret is
//! read, and a reload makes another one. Nothing here opens a socket, and no secret leaves except
//! through [`SecretText::reveal`].

#![expect(
    unused_imports,
    reason = "the limits of the rows are read by the parser, which comes next"
)]

mod auth_query;
mod choice;
mod console;
mod endpoint;
mod http;
mod listener;
mod log;
mod network;
mod node;
mod pool_settings;
mod rate;
mod secret_text;
mod setting;
mod tenant;
mod user;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::auth_query::AuthQuery;
pub use self::console::Console;
pub use self::endpoint::Endpoint;
pub use self::endpoint::Host;
pub use self::endpoint::Role;
pub use self::endpoint::ServerTls;
pub use self::endpoint::ServerTlsMode;
pub use self::http::Http;
pub use self::listener::AuthType;
pub use self::listener::CertificateFiles;
pub use self::listener::ClientCertificate;
pub use self::listener::ListenAddress;
pub use self::listener::Listener;
pub use self::listener::ListenerTls;
pub use self::listener::ProxyProtocol;
pub use self::listener::TlsVersion;
pub use self::log::Log;
pub use self::log::LogFormat;
pub use self::network::Network;
pub use self::node::Node;
pub use self::node::Refusals;
pub use self::pool_settings::PoolMode;
pub use self::pool_settings::PoolSettings;
pub use self::rate::Rate;
pub use self::secret_text::SecretText;
pub use self::setting::Change;
pub use self::setting::Presence;
pub use self::setting::Setting;
pub use self::tenant::Tenant;
pub use self::user::User;

/// A whole configuration: an immutable snapshot, shared as `Arc<Config>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// What concerns the process as a whole.
    pub node: Node,
    /// What is written where.
    pub log: Log,
    /// Metrics and health, if served.
    pub http: Option<Http>,
    /// Who may use the SQL console, if anybody.
    pub console: Option<Console>,
    /// Where clients arrive; at least one in a loaded configuration.
    pub listeners: Vec<Arc<Listener>>,
    /// The tenants, by name.
    pub tenants: BTreeMap<String, Arc<Tenant>>,
}
