//! `[console]`: who may use the SQL console.

use std::collections::BTreeMap;

use crate::config::bounds::Each;
use crate::config::name::Name;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::secret_text::SecretText;
use crate::config::secret_text::StoredSecret;
use crate::config::sections::names::Names;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

settings! {
    /// The SQL console: database `pgbouncer` or `tidegate` on listeners with `console = true`, for
    /// peers on a unix socket or on loopback. Without this section there is none.
    pub struct Console in "[console]" {
        /// Users that may run every command.
        admin_users: Vec<String> = Vec::new(), Each(Name), "names", Reload => "[\"operator\"]";
        /// Users that may run SHOW.
        stats_users: Vec<String> = Vec::new(), Each(Name), "names", Reload;
    }
    with {
        /// The secrets, by user name; every user is an admin or a stats user.
        users: BTreeMap<String, SecretText> = BTreeMap::new();
    }
}

settings! {
    /// The secret of a user of the console.
    pub(in crate::config) struct ConsoleUser in "[[console.user]]" {
        /// The name, which is also in `admin_users` or `stats_users`.
        name: String = String::new(), Name, "name", Reload, Required => "\"operator\"";
        /// A password, or a SCRAM or md5 verifier.
        secret: SecretText = SecretText::new(String::new()), StoredSecret, "secret", Reload, Required => "{ env = \"CONSOLE_SECRET\" }";
    }
}

impl Console {
    /// Reads `[console]` with its users.
    pub(in crate::config) fn load(mut section: Section<'_>) -> Self {
        let mut console = Self::read(&mut section, Scope::Own, &Self::default());
        let mut names = Names::of("console user");
        for mut row in section.sections("user") {
            let user = ConsoleUser::read(&mut row, Scope::Own, &ConsoleUser::default());
            names.claim(&user.name, "name", &row);
            let lists = [&console.admin_users, &console.stats_users];
            if !lists.iter().any(|list| list.contains(&user.name)) {
                row.mistake_here("name", Problem::Contradiction(
                    "this user may do nothing; name it in admin_users or stats_users of [console]",
                ));
            }
            row.finish();
            console.users.insert(user.name, user.secret);
        }
        section.finish();
        console
    }
}
