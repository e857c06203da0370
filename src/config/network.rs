//! `[tenant.network]`: from where a tenant's clients may come.

use ipnet::IpNet;
use tidegate_proto::proxy::PrivateEndpoint;

use crate::config::setting::Any;
use crate::config::setting::settings;

settings! {
    /// From where a tenant's clients may come; deny goes before allow.
    pub struct Network in "[tenant.network]" {
        /// Addresses and networks that may connect. Not given: all; `[]`: none.
        /// A list of IPv4 networks alone shuts every IPv6 client out.
        allow: Option<Vec<IpNet>> = None, Any, "networks", Reload => "[\"203.0.113.0/24\", \"2001:db8::/32\"]";
        /// Addresses and networks that may not, even if allowed above.
        deny: Vec<IpNet> = Vec::new(), Any, "networks", Reload;
        /// Private endpoints that may connect, by cloud (`aws`, `azure`, `gcp`) and id, as the PROXY
        /// header names them. Not given: the address alone decides. A list, even an empty one: a
        /// connection that came through a private endpoint passes only if that is listed, whatever
        /// its address; others go by their address.
        private_endpoints: Option<Vec<PrivateEndpoint>> = None, Any, "endpoints", Reload => "[{ cloud = \"aws\", id = \"vpce-08d2bf15fac5001c9\" }]";
    }
}
