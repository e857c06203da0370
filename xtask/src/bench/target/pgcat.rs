//! `PgCat` with one worker. Of its clients it can ask for md5 only, or nothing.

use tidegate_harness::Failure;
use tidegate_harness::StopSignal;

use super::Peer;
use super::Running;
use super::Stand;
use super::peer;
use super::peer::Settings;
use crate::bench::ground::PASSWORD;
use crate::bench::ground::TRUSTED;
use crate::bench::scenario::Scenario;
use crate::bench::scenario::Way;

/// Starts `PgCat`.
///
/// # Errors
/// What it logged if it did not start.
pub(super) fn start(stand: &Stand<'_>) -> Result<Running, Failure> {
    let peer = Peer {
        name: "pgcat",
        program: stand.programs.pgcat.as_deref(),
        arguments: &["pgcat.toml"],
        stop: StopSignal::Terminate,
    };
    peer::start(stand, &peer, |settings, _| {
        vec![("pgcat.toml", configuration(settings))]
    })
}

/// Why it cannot take part in a scenario, if so.
pub(super) fn cannot(scenario: &Scenario) -> Option<&'static str> {
    (scenario.way == Way::Scram).then_some("it asks no client for SCRAM")
}

fn configuration(settings: &Settings) -> String {
    let Settings {
        port,
        server,
        pool_size,
        certificate,
        key,
        ..
    } = settings;
    format!(
        r#"[general]
host = "127.0.0.1"
port = {port}
admin_username = "admin"
admin_password = "admin"
worker_threads = 1
connect_timeout = 120000
log_client_connections = false
log_client_disconnections = false
tls_certificate = "{certificate}"
tls_private_key = "{key}"

[pools.{TRUSTED}]
pool_mode = "transaction"
query_parser_enabled = false
prepared_statements_cache_size = 200

[pools.{TRUSTED}.users.0]
username = "{TRUSTED}"
password = "{PASSWORD}"
auth_type = "trust"
pool_size = {pool_size}

[pools.{TRUSTED}.shards.0]
servers = [["127.0.0.1", {server}, "primary"]]
database = "{TRUSTED}"
"#
    )
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;
    use crate::bench::options::Sizes;
    use crate::bench::scenario;

    #[test]
    fn its_clients_are_trusted_and_its_pool_is_that_of_the_others() {
        let text = configuration(&Settings::sample(Way::Plain));
        let table: Table = text.parse().unwrap();
        let pool = &table["pools"]["bench"];
        assert_eq!(pool["users"]["0"]["auth_type"].as_str(), Some("trust"));
        assert_eq!(pool["users"]["0"]["pool_size"].as_integer(), Some(20));
        assert_eq!(
            pool["shards"]["0"]["servers"][0][1].as_integer(),
            Some(5432)
        );
    }

    #[test]
    fn it_is_left_out_where_clients_prove_themselves_with_scram() {
        let scenarios = scenario::all(&Sizes::FULL);
        let left_out = scenarios
            .iter()
            .filter(|scenario| cannot(scenario).is_some());
        let names: Vec<&str> = left_out.map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(names, ["login-scram"]);
    }
}
