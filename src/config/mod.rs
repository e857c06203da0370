//! The configuration: one definition per setting, from which the parser, the reload, `SHOW CONFIG`
//! and the documented file come.
//!
//! A loaded [`Config`] is complete and never changes: inheritance is resolved, every secret is
//! read, and a reload makes another one. Nothing here opens a socket, and no secret leaves except
//! through [`SecretText::reveal`].

mod bounds;
mod choice;
mod documentation;
mod load;
mod name;
mod network_list;
mod pem;
mod reading;
mod reload;
mod secret_text;
mod sections;
mod setting;
mod show;
mod tenant_files;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::documentation::documented_file;
pub use self::load::Loaded;
pub use self::load::load;
pub use self::load::load_from;
pub use self::load::parse;
pub use self::network_list::NetworkError;
pub use self::network_list::parse_network;
pub use self::reading::finding::Finding;
pub use self::reading::finding::Place;
pub use self::reading::finding::Refused;
pub use self::reading::finding::Report;
pub use self::reading::problem::Problem;
pub use self::reading::surroundings::Machine;
pub use self::reading::surroundings::Nowhere;
pub use self::reading::surroundings::Surroundings;
pub use self::reload::Changes;
pub use self::reload::reload;
pub use self::secret_text::SecretText;
pub use self::sections::auth_query::AuthQuery;
pub use self::sections::auth_type::AuthType;
pub use self::sections::certificate_files::CertificateFiles;
pub use self::sections::console::Console;
pub use self::sections::defaults::Defaults;
pub use self::sections::endpoint::Endpoint;
pub use self::sections::endpoint::Role;
pub use self::sections::host::Host;
pub use self::sections::http::Http;
pub use self::sections::listen_address::ListenAddress;
pub use self::sections::listen_address::SocketMode;
pub use self::sections::listener::ClientCertificate;
pub use self::sections::listener::Listener;
pub use self::sections::listener::ListenerTls;
pub use self::sections::listener::ProxyProtocol;
pub use self::sections::listener::TlsVersion;
pub use self::sections::log::Log;
pub use self::sections::log::LogFormat;
pub use self::sections::network::Network;
pub use self::sections::node::Node;
pub use self::sections::node::Refusals;
pub use self::sections::pool_settings::PoolMode;
pub use self::sections::pool_settings::PoolSettings;
pub use self::sections::rate::Rate;
pub use self::sections::reads::Consistency;
pub use self::sections::reads::Route;
pub use self::sections::reads::TransactionRouting;
pub use self::sections::server_tls::ServerTls;
pub use self::sections::server_tls::ServerTlsMode;
pub use self::sections::sleep::Sleep;
pub(crate) use self::sections::sleep::header;
pub use self::sections::tenant::Tenant;
pub use self::sections::user::User;
pub use self::show::ShownSetting;

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
    /// What every tenant and user began with; already in each of them.
    pub defaults: Defaults,
    /// Where clients arrive; at least one in a loaded configuration.
    pub listeners: Vec<Arc<Listener>>,
    /// The tenants, by name.
    pub tenants: BTreeMap<String, Arc<Tenant>>,
}
