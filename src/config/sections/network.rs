//! `[tenant.network]`: from where a tenant's clients may come.

use ipnet::IpNet;
use tidegate_proto::proxy::Cloud;
use tidegate_proto::proxy::PrivateEndpoint;

use crate::config::bounds::Any;
use crate::config::reading::problem::Problem;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;
use crate::config::reading::value::text;
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

impl SettingValue for PrivateEndpoint {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "{ cloud = \"aws\", id = \"vpce-..\" }";
        let mut table = written.section(EXPECTED)?;
        let cloud = table.value("cloud");
        let id = table.value("id");
        table.finish();
        let (Some(cloud), Some(id)) = (cloud, id) else {
            return written.refuse(Problem::Missing {
                example: EXPECTED.to_owned(),
            });
        };
        let name = String::read(&cloud)?;
        let Some(known) = Cloud::from_name(&name) else {
            let words = "aws, azure, gcp".to_owned();
            return cloud.refuse(Problem::UnknownWord {
                value: cloud.quoted(),
                words,
            });
        };
        Self::new(known, &String::read(&id)?).or_else(|| {
            id.malformed("an id of that cloud: aws gives vpce-.., azure and gcp give plain numbers")
        })
    }

    fn show(&self) -> Option<String> {
        let (cloud, id) = (self.cloud().as_str(), text::quote(self.id()));
        Some(format!("{{ cloud = \"{cloud}\", id = {id} }}"))
    }
}
