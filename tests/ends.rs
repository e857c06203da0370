//! Servers that end: the client hears from the server why, as it would from Postgres itself, and then
//! the close.
#![cfg(test)]

use std::io::ErrorKind;
use std::process::Command;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::backend::tag;

const LIMIT: Duration = Duration::from_mins(1);

/// The user whose pool is in session mode.
const KEEPER: &str = "keeper";

/// The owner of the database in transaction mode, and another user in session mode.
fn in_both_modes(cluster: &'static Cluster) -> PooledDatabase {
    let database = cluster.database().unwrap();
    let (user, password) = (&database.user, &database.password);
    let more = format!(
        "[[tenant.user]]\nname = \"{KEEPER}\"\nsecret = \"{password}\"\npool_mode = \"session\"\n\
         server_user = \"{user}\"\nserver_secret = \"{password}\"\n"
    );
    let config = PoolerConfig {
        more,
        ..PoolerConfig::default()
    };
    PooledDatabase::with(cluster, database, config, Folder::new().unwrap()).unwrap()
}

fn shared() -> Option<PooledDatabase> {
    Cluster::shared().map(in_both_modes)
}

/// A cluster that is going to end, and the process id of its first process.
fn mortal() -> Option<(PooledDatabase, u32)> {
    let mut cluster = skip::unless(Cluster::start(Version::under_test()))?;
    let process_id = cluster.process().pid();
    Some((in_both_modes(Box::leak(Box::new(cluster))), process_id))
}

/// Three clients, the first of them past the pooler; each has run this.
fn clients(pooled: &PooledDatabase, sql: &str) -> Vec<Wire> {
    let logins = [
        pooled.direct_login(),
        pooled.login(),
        pooled.login().as_user(KEEPER),
    ];
    let mut clients = logins.map(|login| Wire::connect(&login).unwrap());
    for client in &mut clients {
        client.query(sql).unwrap();
    }
    clients.into()
}

/// The same without the one in transaction mode: it has no server.
fn at_rest(pooled: &PooledDatabase, sql: &str) -> Vec<Wire> {
    let mut clients = clients(pooled, "select 1");
    clients.remove(1);
    for client in &mut clients {
        client.query(sql).unwrap();
    }
    clients
}

/// Waits until every server reads. One that is still about to send the last reply is in the middle of a
/// message, and says nothing more if it has to end at once.
fn until_all_read(pooled: &PooledDatabase) {
    let others = "select count(*) from pg_stat_activity where backend_type = 'client backend' \
                  and pid <> pg_backend_pid() and wait_event is distinct from 'ClientRead'";
    let all_read = || pooled.admin(others).unwrap() == "0";
    polling::until_true("all servers to read", LIMIT, all_read).unwrap();
}

fn signal(name: &str, process_id: &str) {
    let sent = Command::new("kill").args([name, process_id]).status();
    assert!(sent.unwrap().success());
}

/// All errors and notices until the end.
fn last_words(client: &mut Wire) -> Vec<String> {
    let mut words = Vec::new();
    loop {
        match client.message() {
            Ok(message) => {
                let tag = message.tag();
                if matches!(tag, tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE) {
                    let report = message.report().unwrap();
                    let (severity, sqlstate) = (&report.severity, &report.sqlstate);
                    let tag = char::from(tag);
                    words.push(format!("{tag} {severity} {sqlstate} {}", report.message));
                }
            },
            Err(WireError::Closed) => return words,
            Err(WireError::Io(error)) if error.kind() == ErrorKind::ConnectionReset => {
                return words;
            },
            Err(other) => panic!("{other} after {words:?}"),
        }
    }
}

/// Every client hears what the first one does, which is this.
fn assert_told(mut clients: Vec<Wire>, begins: &str) {
    let heard: Vec<_> = clients.iter_mut().map(last_words).collect();
    let [own, ..] = &heard[..] else {
        panic!("nobody was there")
    };
    assert_eq!(own.len(), 1, "{own:?}");
    assert!(own[0].starts_with(begins), "{own:?}");
    for words in &heard {
        assert_eq!(words, own);
    }
}

fn terminate(pooled: &PooledDatabase, clients: &mut [Wire]) {
    for client in clients {
        let id = client.query("select pg_backend_pid()").unwrap();
        let sql = format!("select pg_terminate_backend({id})");
        assert_eq!(pooled.admin(&sql).unwrap(), "t");
    }
}

#[test]
fn a_server_that_is_terminated_says_so() {
    let Some(pooled) = shared() else { return };
    for mut clients in [clients(&pooled, "begin"), at_rest(&pooled, "select 1")] {
        terminate(&pooled, &mut clients);
        assert_told(clients, "E FATAL 57P01");
    }
}

#[test]
fn a_fast_shutdown_says_so() {
    let Some((pooled, process_id)) = mortal() else {
        return;
    };
    let (busy, idle) = (clients(&pooled, "begin"), at_rest(&pooled, "select 1"));
    signal("-INT", &process_id.to_string());
    assert_told(busy, "E FATAL 57P01");
    assert_told(idle, "E FATAL 57P01");
}

#[test]
fn an_immediate_shutdown_says_so_with_a_warning() {
    let Some((pooled, process_id)) = mortal() else {
        return;
    };
    let (busy, idle) = (clients(&pooled, "begin"), at_rest(&pooled, "select 1"));
    until_all_read(&pooled);
    signal("-QUIT", &process_id.to_string());
    assert_told(busy, "N WARNING 57P01");
    assert_told(idle, "N WARNING 57P01");
}

#[test]
fn the_crash_of_another_server_is_told_with_a_warning() {
    let Some((pooled, _)) = mortal() else {
        return;
    };
    let (busy, idle) = (clients(&pooled, "begin"), at_rest(&pooled, "select 1"));
    let mut victim = Wire::connect(&pooled.direct_login()).unwrap();
    let process_id = victim.query("select pg_backend_pid()").unwrap();
    until_all_read(&pooled);
    signal("-KILL", &process_id);
    assert_told(busy, "N WARNING 57P02");
    assert_told(idle, "N WARNING 57P02");
}

#[test]
fn a_server_that_crashes_itself_says_nothing_and_the_pooler_says_that() {
    let Some((pooled, _)) = mortal() else {
        return;
    };
    for number in [1, 2] {
        let connects = || Ok(Wire::connect(&pooled.direct_login()).is_ok().then_some(()));
        polling::until("the server to be back", LIMIT, connects).unwrap();
        let mut client = clients(&pooled, "begin").remove(number);
        let process_id = client.query("select pg_backend_pid()").unwrap();
        signal("-KILL", &process_id);
        let words = last_words(&mut client);
        let begins = "E FATAL 08006 the server closed the connection unexpectedly";
        assert_eq!(words, [begins]);
    }
}

#[test]
fn the_server_s_own_timeouts_are_told_by_it() {
    let Some(pooled) = shared() else { return };
    let version = pooled.admin("show server_version_num").unwrap();
    let mut cases = vec![("idle_in_transaction_session_timeout", "25P03")];
    if version.parse::<u32>().unwrap() >= 170_000 {
        cases.push(("transaction_timeout", "25P04"));
    }
    for (setting, sqlstate) in cases {
        let sql = format!("begin; set local {setting} = '50ms'");
        assert_told(clients(&pooled, &sql), &format!("E FATAL {sqlstate}"));
    }
    let idle = at_rest(&pooled, "set idle_session_timeout = '50ms'");
    assert_told(idle, "E FATAL 57P05");
}

#[test]
fn in_transaction_mode_a_server_that_ends_between_transactions_is_nobody_s_loss() {
    let Some(pooled) = shared() else { return };
    let mut client = pooled.connect().unwrap();
    client.query("set idle_session_timeout = '50ms'").unwrap();
    let servers = "select count(*) from pg_stat_activity where datname = current_database() \
                   and pid <> pg_backend_pid()";
    let is_gone = || pooled.admin(servers).unwrap() == "0";
    polling::until_true("the idle server to end", LIMIT, is_gone).unwrap();
    assert_eq!(client.query("select 'served'").unwrap(), "served");
}
