//! The sections of the file, one a file: its settings, and what it checks of them together.

pub(in crate::config) mod auth_query;
pub(in crate::config) mod auth_type;
pub(in crate::config) mod certificate_files;
pub(in crate::config) mod console;
pub(in crate::config) mod defaults;
pub(in crate::config) mod endpoint;
pub(in crate::config) mod host;
pub(in crate::config) mod http;
pub(in crate::config) mod listen_address;
pub(in crate::config) mod listener;
pub(in crate::config) mod listener_checks;
pub(in crate::config) mod log;
pub(in crate::config) mod names;
pub(in crate::config) mod network;
pub(in crate::config) mod node;
pub(in crate::config) mod pool_settings;
pub(in crate::config) mod rate;
pub(in crate::config) mod reads;
pub(in crate::config) mod server_tls;
pub(in crate::config) mod sleep;
pub(in crate::config) mod tenant;
pub(in crate::config) mod user;
