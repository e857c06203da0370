//! `[http]`: metrics and health.

use std::net::Ipv4Addr;
use std::net::SocketAddr;

use crate::config::bounds::Any;
use crate::config::setting::settings;

settings! {
    /// The listener of `/metrics`, `/healthz` and `/readyz`; without this section there is none.
    pub struct Http in "[http]" {
        /// Where it listens. Whoever reaches it may read tenant names: keep it off public networks.
        address: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9127)), Any, "address", Restart;
    }
}
