//! `[tenant.network]`: from where a tenant's clients may come.

use ipnet::IpNet;

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
    }
}
