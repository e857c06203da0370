//! `[console]`: who may use the SQL console.

use std::collections::BTreeMap;

use crate::config::secret_text::SecretText;
use crate::config::setting::Any;
use crate::config::setting::settings;

settings! {
    /// The SQL console: database `pgbouncer` or `tidegate` on listeners with `console = true`, for
    /// peers on a unix socket or on loopback. Without this section there is none.
    pub struct Console in "[console]" {
        /// Users that may run every command.
        admin_users: Vec<String> = Vec::new(), Any, "names", Reload;
        /// Users that may run SHOW.
        stats_users: Vec<String> = Vec::new(), Any, "names", Reload;
    }
    with {
        /// The secrets, by user name; every one of them is an admin or a stats user.
        users: BTreeMap<String, SecretText> = BTreeMap::new();
    }
}
