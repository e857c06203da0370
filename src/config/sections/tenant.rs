//! `[[tenant]]`: whoever owns a set of endpoints, users, limits and network restrictions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::bounds::Any;
use crate::config::bounds::Bounds;
use crate::config::bounds::Each;
use crate::config::name::FunctionName;
use crate::config::name::Name;
use crate::config::name::TenantName;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::reading::value::SettingValue;
use crate::config::sections::auth_query::AuthQuery;
use crate::config::sections::auth_type::AuthType;
use crate::config::sections::defaults::Defaults;
use crate::config::sections::endpoint::Endpoint;
use crate::config::sections::endpoint::Role;
use crate::config::sections::names::Names;
use crate::config::sections::network::Network;
use crate::config::sections::pool_settings::PoolSettings;
use crate::config::sections::rate::Rate;
use crate::config::sections::server_tls::ServerTlsRows;
use crate::config::sections::sleep::Sleep;
use crate::config::sections::user::User;
use crate::config::setting::DAY;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

settings! {
    /// Whoever owns a set of endpoints, users, limits and network restrictions. Every key of
    /// `[pool]` may stand here too, and then counts for all users of the tenant.
    pub struct Tenant in "[[tenant]]" {
        /// The name by which clients call it: lower-case letters, digits, `-` and `_`.
        name: String = String::new(), TenantName, "name", Reload, Required => "\"acme\"";
        /// How clients prove who they are; not given: as the listener says.
        auth_type: Option<AuthType> = None, Any, "word", Reload => "\"scram-sha-256\"";
        /// Whether clients without TLS are refused, whatever the listener says.
        tls_required: bool = false, Any, "boolean", Reload;
        /// The most clients of this tenant on this node; 0 is no limit.
        max_client_conn: u32 = 0, 0..=10_000_000, "clients", Reload;
        /// The most servers of this tenant on this node; 0 is no limit.
        max_db_connections: u32 = 0, 0..=10_000_000, "servers", Reload, Inherited;
        /// How long clients wait for a server while a tenant with an endpoint of `role = "auto"` has
        /// no primary: during a failover, or a restart. 0 refuses them at once.
        failover_wait: Duration = Duration::from_secs(30), Duration::ZERO..=Duration::from_hours(1), "duration", Reload, Inherited;
        /// After how long without a transaction of any client the endpoints are asked no more how they are,
        /// so that a database may sleep while clients are connected. The first to need a server has them
        /// asked at once, and waits for that where an endpoint has `role = "auto"`. 0 asks as long as there
        /// are servers.
        monitor_rest_after: Duration = Duration::from_secs(30), Duration::ZERO..=DAY, "duration", Reload, Inherited;
        /// Regions whose endpoints are read from first, the first of all before the second, however far
        /// away they are.
        prefer: Vec<String> = Vec::new(), Each(Name), "regions", Reload, Inherited => "[\"ams\", \"fra\"]";
        /// Regions whose replicas are read from only if no other may be.
        avoid: Vec<String> = Vec::new(), Each(Name), "regions", Reload, Inherited => "[\"syd\"]";
        /// How much longer than the shortest a round trip may be, for its endpoint to count as near, too:
        /// those that are near share the reads.
        near_percent: u32 = 20, 0..=1000, "percent", Reload, Inherited;
        /// The same as a time: the larger of the two counts.
        near_within: Duration = Duration::from_millis(1), Duration::ZERO..=Duration::from_secs(10), "duration", Reload, Inherited;
        /// How many of the tenant's replicas at most are left out at once because servers break there or
        /// cannot be opened. Those that do not answer at all are always left out.
        ejected_percent_max: u32 = 50, 0..=100, "percent", Reload, Inherited;
        /// Functions that only read, whatever the catalog says; reads that call them may go to a
        /// replica.
        read_functions: Vec<String> = Vec::new(), Each(FunctionName), "functions", Reload => "[\"app.current_price\"]";
        /// Functions that do more than read, whatever the catalog says; these go before
        /// `read_functions`.
        write_functions: Vec<String> = Vec::new(), Each(FunctionName), "functions", Reload => "[\"audit.touch\"]";
        /// The most connection attempts of this tenant's clients; not given: no limit.
        connection_rate: Rate = Rate::UNLIMITED, Any, "rate", Reload => "{ per_second = 100, burst = 200 }";
    }
    with {
        /// From where clients may come.
        network: Network = Network::default();
        /// The Postgres instances; at least one.
        endpoints: Vec<Arc<Endpoint>> = Vec::new();
        /// The database of the server by the name that clients give; none: any, under its own name.
        databases: Option<BTreeMap<String, String>> = None;
        /// The users, by name.
        users: BTreeMap<String, Arc<User>> = BTreeMap::new();
        /// What holds for users that have no row of their own: what a row inherits, and no name.
        other_users: Arc<User> = Arc::default();
        /// How the secrets of other users are looked up.
        auth_query: Option<AuthQuery> = None;
        /// How the database is woken, and put to sleep.
        sleep: Option<Sleep> = None;
        /// How servers are pooled of users that have no row of their own.
        pool: PoolSettings = PoolSettings::default();
    }
}

/// Databases that are the console's.
const CONSOLE_DATABASES: [&str; 2] = ["pgbouncer", "tidegate"];

impl Tenant {
    /// Reads `[[tenant]]`, or the whole of a tenant's own file. The section is left open for its
    /// name to be checked against others.
    pub(in crate::config) fn load(section: &mut Section<'_>, defaults: &Defaults) -> Self {
        let mut tenant = Self::read(section, Scope::Own, &defaults.tenant);
        tenant.pool = PoolSettings::load_over(section, &defaults.tenant.pool);
        let is_preferred = |region: &&String| tenant.prefer.contains(region);
        if tenant.avoid.iter().any(|region| is_preferred(&region)) {
            section.mistake_here(
                "avoid",
                Problem::Contradiction("a region is both in prefer and in avoid"),
            );
        }
        if tenant.auth_type == Some(AuthType::Trust) {
            section.mistake_here(
                "auth_type",
                Problem::Contradiction("trust is for a listener to give; set it in [[listener]]"),
            );
        }
        if let Some(mut network) = section.section("network") {
            tenant.network = Network::read(&mut network, Scope::Own, &Network::default());
            network.finish();
        }
        tenant.auth_query = section.section("auth_query").map(AuthQuery::load);
        tenant.sleep = section.section("sleep").map(Sleep::load);
        tenant.databases = section.section("databases").map(databases);
        tenant.endpoints = endpoints(section);
        let user = User::read(section, Scope::Inherited, &defaults.user);
        let user = User {
            pool: tenant.pool.clone(),
            ..user
        };
        tenant.users = users(section, &user);
        tenant.other_users = Arc::new(user);
        tenant
    }

    /// Whether a user may exist: it has a row, or `auth_query` may find it.
    pub fn may_have(&self, user: &str) -> bool {
        self.users.contains_key(user) || self.auth_query.is_some()
    }

    /// What holds for a user: its row, or what it inherits where it has none.
    pub fn user(&self, name: &str) -> Arc<User> {
        match self.users.get(name) {
            Some(row) => Arc::clone(row),
            None => Arc::new(User {
                name: name.to_owned(),
                ..User::clone(&self.other_users)
            }),
        }
    }
}

fn endpoints(section: &mut Section<'_>) -> Vec<Arc<Endpoint>> {
    let tls = ServerTlsRows::load(section, &ServerTlsRows::default());
    let mut names = Names::of("endpoint");
    let mut endpoints = Vec::new();
    for mut row in section.sections("endpoint") {
        let endpoint = Endpoint::load(&mut row, &tls);
        names.claim(&endpoint.name, "name", &row);
        row.finish();
        endpoints.push(Arc::new(endpoint));
    }
    if endpoints.is_empty() {
        let example = "[[tenant.endpoint]] with host = \"127.0.0.1\"".to_owned();
        section.mistake_here("endpoint", Problem::Missing { example });
    } else if endpoints
        .iter()
        .all(|endpoint| endpoint.role == Role::Replica)
    {
        section.warning_here("endpoint", Problem::Contradiction(
            "every endpoint is a replica, so nothing can be written; is one of them primary or auto?",
        ));
    }
    endpoints
}

fn users(section: &mut Section<'_>, base: &User) -> BTreeMap<String, Arc<User>> {
    let mut names = Names::of("user");
    let mut users = BTreeMap::new();
    for mut row in section.sections("user") {
        let user = User::load(&mut row, base);
        names.claim(&user.name, "name", &row);
        row.finish();
        users.insert(user.name.clone(), Arc::new(user));
    }
    users
}

/// `client's name = "server's name"`.
fn databases(section: Section<'_>) -> BTreeMap<String, String> {
    let mut databases = BTreeMap::new();
    for (name, written) in section.entries() {
        if CONSOLE_DATABASES.contains(&name) {
            written.mistake(Problem::Contradiction(
                "this database is the console's; choose another name",
            ));
        }
        let Some(database) = String::read(&written) else {
            continue;
        };
        if let Some(problem) = Name.refuse(&database, &written) {
            written.mistake(problem);
        }
        databases.insert(name.to_owned(), database);
    }
    databases
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    #[test]
    fn a_user_without_a_row_has_what_a_row_would_inherit() {
        let text = r#"
            [[listener]]
            name = "main"
            address = "127.0.0.1:6432"
            [pool]
            max_user_client_connections = 7
            [[tenant]]
            name = "acme"
            max_user_connections = 5
            pool_size = 3
            [[tenant.endpoint]]
            name = "one"
            host = "127.0.0.1"
            [[tenant.user]]
            name = "app"
            max_user_connections = 9
        "#;
        let loaded = parse(text).expect("the text has no mistake");
        let tenant = &loaded.config.tenants["acme"];
        assert_eq!(tenant.user("app").max_user_connections, 9);
        let other = tenant.user("other");
        assert_eq!(other.name, "other");
        assert_eq!(other.max_user_connections, 5);
        assert_eq!(other.max_user_client_connections, 7);
        assert_eq!(other.pool.pool_size, 3);
        assert_eq!(other.secret, None);
    }
}
