//! `[tenant.auth_query]`: user secrets looked up in the tenant's own database.

use std::time::Duration;

use crate::config::bounds::Any;
use crate::config::bounds::Each;
use crate::config::name::Name;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::secret_text::LoginSecret;
use crate::config::secret_text::SecretText;
use crate::config::setting::DAY;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

settings! {
    /// How the secrets of users that have no row of their own are looked up.
    pub struct AuthQuery in "[tenant.auth_query]" {
        /// The query: `$1` is the user's name; it gives one row of name and secret.
        query: String = "SELECT rolname, CASE WHEN rolvaliduntil < pg_catalog.now() THEN NULL ELSE rolpassword END FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin".to_owned(), Any, "query", Reload;
        /// The user that runs it.
        user: String = String::new(), Name, "name", Reload, Required => "\"tidegate_auth\"";
        /// The secret of that user.
        secret: SecretText = SecretText::new(String::new()), LoginSecret, "secret", Reload, Required => "{ env = \"ACME_AUTH_SECRET\" }";
        /// The database it runs in; not given: the one that the client asks for.
        database: Option<String> = None, Each(Name), "name", Reload => "\"postgres\"";
        /// How long an answer is kept.
        ttl: Duration = Duration::from_mins(1), Duration::ZERO..=DAY, "duration", Reload;
    }
}

impl AuthQuery {
    /// Reads `[tenant.auth_query]`.
    pub(in crate::config) fn load(mut section: Section<'_>) -> Self {
        let auth_query = Self::read(&mut section, Scope::Own, &Self::default());
        if !auth_query.query.contains("$1") {
            section.mistake_here(
                "query",
                Problem::Contradiction(
                    "the query does not use $1, the name of the user to look up",
                ),
            );
        }
        section.finish();
        auth_query
    }
}
