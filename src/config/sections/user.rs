//! `[[tenant.user]]`: one user of a tenant.

use crate::config::bounds::Any;
use crate::config::bounds::Each;
use crate::config::name::Name;
use crate::config::reading::section::Section;
use crate::config::secret_text::LoginSecret;
use crate::config::secret_text::SecretText;
use crate::config::secret_text::StoredSecret;
use crate::config::sections::pool_settings::PoolSettings;
use crate::config::sections::rate::Rate;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

settings! {
    /// One user of a tenant. Every key of `[pool]` may stand here too. The limits of users may
    /// also stand in the tenant, for all of its users.
    pub struct User in "[[tenant.user]]" {
        /// The name that clients give.
        name: String = String::new(), Name, "name", Reload, Required => "\"app\"";
        /// A password, or a SCRAM or md5 verifier as in `pg_authid`.
        /// Not given: `auth_query` is asked, or no password is right.
        secret: Option<SecretText> = None, Each(StoredSecret), "secret", Reload => "{ env = \"ACME_APP_SECRET\" }";
        /// The user that Tidegate logs in to the server as; not given: the same.
        server_user: Option<String> = None, Each(Name), "name", Reload => "\"acme_app\"";
        /// The secret it logs in with; not given: `secret`, or what the client's SCRAM login proved.
        server_secret: Option<SecretText> = None, Each(LoginSecret), "secret", Reload => "{ file = \"acme-app.secret\" }";
        /// The most clients of this user; 0 is no limit.
        max_user_client_connections: u32 = 0, 0..=10_000_000, "clients", Reload, Inherited;
        /// The most servers of this user on this node; 0 is no limit.
        max_user_connections: u32 = 0, 0..=10_000_000, "servers", Reload, Inherited;
        /// The most connection attempts of this user; not given: no limit.
        connection_rate: Rate = Rate::UNLIMITED, Any, "rate", Reload => "{ per_second = 10, burst = 20 }";
    }
    with {
        /// How its servers are pooled.
        pool: PoolSettings = PoolSettings::default();
    }
}

impl User {
    /// Reads `[[tenant.user]]`; what is not given comes from `base`.
    pub(in crate::config) fn load(section: &mut Section<'_>, base: &Self) -> Self {
        let pool = PoolSettings::load_over(section, &base.pool);
        Self {
            pool,
            ..Self::read(section, Scope::Own, base)
        }
    }
}
