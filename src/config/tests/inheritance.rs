//! User goes before tenant, tenant before `[pool]`, `[pool]` before the built-in default.

use crate::config::PoolMode;
use crate::config::tests::LISTENER;
use crate::config::tests::config;
use crate::config::tests::mistakes;

const ENDPOINT: &str = "[[tenant.endpoint]]\nhost = \"127.0.0.1\"\n";

#[test]
fn the_nearest_value_wins() {
    let config = config(&format!(
        "[pool]\npool_size = 1\nserver_lifetime = 1\nquery_wait_timeout = 1\nmax_user_connections = 1\nmax_db_connections = 1\n{LISTENER}\
         [[tenant]]\nname = \"acme\"\nserver_lifetime = 2\nquery_wait_timeout = 2\nmax_user_client_connections = 2\n{ENDPOINT}\
         [[tenant.user]]\nname = \"app\"\nquery_wait_timeout = 3\nmax_user_connections = 3\n\
         [[tenant.user]]\nname = \"batch\"\n\
         [[tenant]]\nname = \"other\"\nmax_db_connections = 2\n{ENDPOINT}"
    ));
    let acme = &config.tenants["acme"];
    let seconds = |duration: std::time::Duration| duration.as_secs();
    let (app, batch) = (&acme.users["app"], &acme.users["batch"]);
    assert_eq!(
        (
            app.pool.pool_size,
            batch.pool.pool_size,
            acme.pool.pool_size
        ),
        (1, 1, 1)
    );
    assert_eq!(seconds(app.pool.server_lifetime), 2);
    assert_eq!(seconds(app.pool.query_wait_timeout), 3);
    assert_eq!(seconds(batch.pool.query_wait_timeout), 2);
    assert_eq!(seconds(acme.pool.query_wait_timeout), 2);
    assert_eq!(seconds(app.pool.server_idle_timeout), 600);
    assert_eq!(
        (app.max_user_connections, batch.max_user_connections),
        (3, 1)
    );
    assert_eq!(app.max_user_client_connections, 2);
    assert_eq!(
        (
            acme.max_db_connections,
            config.tenants["other"].max_db_connections
        ),
        (1, 2)
    );
    assert_eq!(config.tenants["other"].pool.pool_size, 1);
    assert_eq!(seconds(config.tenants["other"].pool.server_lifetime), 1);
}

#[test]
fn a_mode_counts_as_set_only_by_a_user_or_a_tenant() {
    let config = config(&format!(
        "[pool]\npool_mode = \"session\"\n{LISTENER}\
         [[tenant]]\nname = \"a\"\n{ENDPOINT}[[tenant.user]]\nname = \"app\"\n[[tenant.user]]\nname = \"own\"\npool_mode = \"transaction\"\n\
         [[tenant]]\nname = \"b\"\npool_mode = \"statement\"\n{ENDPOINT}[[tenant.user]]\nname = \"app\"\n"
    ));
    let mode = |tenant: &str, user: &str| {
        let pool = &config.tenants[tenant].users[user].pool;
        (pool.pool_mode, pool.pool_mode_set)
    };
    assert_eq!(mode("a", "app"), (PoolMode::Session, false));
    assert_eq!(mode("a", "own"), (PoolMode::Transaction, true));
    assert_eq!(mode("b", "app"), (PoolMode::Statement, true));
    assert!(!config.tenants["a"].pool.pool_mode_set && config.tenants["b"].pool.pool_mode_set);
}

#[test]
fn more_ready_servers_than_the_pool_may_have_are_refused_where_they_are_set() {
    let found = mistakes(&format!(
        "[pool]\nmin_pool_size = 10\n{LISTENER}[[tenant]]\nname = \"acme\"\n{ENDPOINT}\
         [[tenant.user]]\nname = \"app\"\npool_size = 5\n[[tenant.user]]\nname = \"other\"\n"
    ));
    assert_eq!(
        found,
        ["12:1: tenant.user.pool_size: min_pool_size 10 exceeds pool_size 5"]
    );
}

#[test]
fn a_pool_without_a_limit_may_keep_any_number_ready() {
    let text = format!(
        "[pool]\npool_size = 0\nmin_pool_size = 10\n{LISTENER}[[tenant]]\nname = \"acme\"\n{ENDPOINT}"
    );
    assert_eq!(mistakes(&text), [""; 0]);
}

#[test]
fn settings_that_are_not_inherited_have_one_place() {
    assert_eq!(
        mistakes(&format!(
            "[pool]\nsecret = \"x\"\n{LISTENER}[[tenant]]\nname = \"acme\"\n{ENDPOINT}"
        ))
        .len(),
        1
    );
    assert_eq!(
        mistakes(&format!(
            "{LISTENER}[[tenant]]\nname = \"acme\"\nserver_user = \"x\"\n{ENDPOINT}"
        ))
        .len(),
        1
    );
}
