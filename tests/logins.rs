//! What a client learns while it logs in, compared with what Postgres itself tells: process ids,
//! notices, and why there is no server for it.
#![cfg(test)]

use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::SUPERUSER;
use tidegate_harness::SUPERUSER_PASSWORD;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::backend::tag;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;

const LIMIT: Duration = Duration::from_mins(1);

const SESSION: &str = "pool_mode = \"session\"\n";

fn session_pool_of_one(config: &mut PoolerConfig) {
    config.pool = format!("{SESSION}pool_size = 1");
}

/// Whoever says its name has logged in, and waits for its server.
fn trusting(config: &mut PoolerConfig) {
    session_pool_of_one(config);
    config.listener = "auth_type = \"trust\"".to_owned();
}

fn process_id(client: &mut Wire) -> u32 {
    let id = client.query("select pg_backend_pid()").unwrap();
    id.parse().unwrap()
}

#[test]
fn in_session_mode_a_client_knows_its_server_by_its_process_id() {
    let Some(pooled) = PooledDatabase::start(|config| config.pool = SESSION.to_owned()).unwrap()
    else {
        return;
    };
    for protocol_minor in [0, 2] {
        let login = Login {
            protocol_minor,
            ..pooled.login()
        };
        let mut clients: Vec<_> = (0..3).map(|_| Wire::connect(&login).unwrap()).collect();
        for client in &mut clients {
            let (told, secret) = client.cancel_key();
            assert_eq!(secret.len(), if protocol_minor == 0 { 4 } else { 32 });
            assert_eq!(process_id(client), told);
        }
        let mut client = clients.pop().unwrap();
        let (told, _) = client.cancel_key();
        client.query("listen itself").unwrap();
        client.send(&wire::query("notify itself").unwrap()).unwrap();
        let messages = client.until(tag::READY_FOR_QUERY).unwrap();
        let heard = messages
            .iter()
            .find(|message| message.tag() == tag::NOTIFICATION_RESPONSE);
        assert_eq!(heard.unwrap().body()[..4], told.to_be_bytes());
        let sql = format!("select pg_terminate_backend({told})");
        assert_eq!(pooled.admin(&sql).unwrap(), "t");
        assert_eq!(client.farewell().unwrap().sqlstate, "57P01");
        for client in &mut clients {
            assert_eq!(client.query("select 1").unwrap(), "1");
        }
    }
}

#[test]
fn a_replication_client_knows_its_server_by_its_process_id() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = SESSION.to_owned();
        config.more =
            format!("[[tenant.user]]\nname = \"{SUPERUSER}\"\nsecret = \"{SUPERUSER_PASSWORD}\"\n");
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let login = pooled.login().as_user(SUPERUSER);
    let login = login
        .with_password(SUPERUSER_PASSWORD)
        .with("replication", "database");
    let mut client = Wire::connect(&login).unwrap();
    let (told, _) = client.cancel_key();
    assert_eq!(process_id(&mut client), told);
}

#[test]
fn in_session_mode_startup_parameters_are_in_force_from_the_login_on() {
    let Some(pooled) = PooledDatabase::start(session_pool_of_one).unwrap() else {
        return;
    };
    for name in ["first", "second"] {
        let login = pooled.login().with("application_name", name);
        let client = Wire::connect(&login).unwrap();
        assert_eq!(client.parameter("application_name"), Some(name));
        let (told, _) = client.cancel_key();
        let sql = format!("select application_name from pg_stat_activity where pid = {told}");
        assert_eq!(pooled.admin(&sql).unwrap(), name);
    }
    let wrong = pooled.login().with("datestyle", "no style");
    let refused = Wire::connect(&wrong).unwrap_err();
    let own = Wire::connect(&Login {
        address: pooled.direct_login().address,
        ..wrong
    });
    assert_eq!(refused.sqlstate(), own.unwrap_err().sqlstate());
    assert!(pooled.connect().is_ok(), "its server serves others");
}

#[test]
fn in_session_mode_a_login_waits_for_a_server_as_long_as_a_query_would() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = format!("{SESSION}pool_size = 1\nquery_wait_timeout = \"1s\"");
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let mut first = pooled.connect().unwrap();
    let refused = pooled.connect().unwrap_err();
    assert_eq!(refused.sqlstate(), "57014", "{refused}");
    assert_eq!(first.query("select 1").unwrap(), "1");
    drop(first);
    assert!(pooled.connect().is_ok());
}

#[test]
fn whoever_gives_up_while_its_login_waits_leaves_the_queue() {
    let Some(pooled) = PooledDatabase::start(trusting).unwrap() else {
        return;
    };
    let first = pooled.connect().unwrap();
    for _ in 0..3 {
        let mut leaving = Wire::announce(&pooled.login()).unwrap();
        leaving.until_answered().unwrap();
    }
    let gone = || {
        let lines = pooled.pooler.log_lines();
        let gone = lines.iter().filter(|line| line.contains("\"client_gone\""));
        gone.count() == 3
    };
    polling::until_true("the queue to be left", LIMIT, gone).unwrap();
    drop(first);
    assert!(pooled.connect().is_ok());
}

#[test]
fn what_a_client_says_before_it_has_a_server_is_answered_in_its_turn() {
    let Some(pooled) = PooledDatabase::start(trusting).unwrap() else {
        return;
    };
    let first = pooled.connect().unwrap();
    let login = pooled.login();
    let mut hasty = Wire::announce(&login).unwrap();
    hasty.until_answered().unwrap();
    hasty.send(&wire::query("select 'early'").unwrap()).unwrap();
    hasty.until_read().unwrap();
    drop(first);
    hasty.prove(&login).unwrap();
    assert_eq!(hasty.rows().unwrap(), "early");
    assert_eq!(hasty.query("select 'later'").unwrap(), "later");
}

#[test]
fn in_session_mode_only_a_client_that_says_nothing_for_long_is_idle() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = format!(
            "{SESSION}query_timeout = \"1s\"\ntransaction_timeout = \"1s\"\nclient_idle_timeout = \"3s\""
        );
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let (mut silent, mut talking) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    talking.query("select 1").unwrap();
    for client in [&mut silent, &mut talking] {
        assert_eq!(client.farewell().unwrap().sqlstate, "57P05");
    }
    let mut holder = Wire::connect(&pooled.direct_login()).unwrap();
    holder.query("select pg_advisory_lock(1)").unwrap();
    let mut slow = pooled.connect().unwrap();
    let ended = slow.query("select pg_advisory_lock(1)").unwrap_err();
    assert_eq!(ended.sqlstate(), "57014", "{ended}");
}

/// The tags of what a login is told, each once in a row, and the notices among them.
fn told(login: &Login) -> (String, Vec<String>) {
    let mut wire = Wire::announce(login).unwrap();
    wire.record();
    wire.prove(login).unwrap();
    let (mut tags, mut notices) = (String::new(), Vec::new());
    let mut rest = wire.recorded();
    while let Some((frame, behind)) = Frame::split(Sender::Backend, rest).unwrap() {
        let tag = char::from(frame.header.tag());
        if tag != 'R' && !tags.ends_with(tag) {
            tags.push(tag);
        }
        if tag == 'N' {
            notices.push(String::from_utf8_lossy(frame.body).into_owned());
        }
        rest = behind;
    }
    (tags, notices)
}

#[test]
fn a_login_hears_the_notices_of_its_server() {
    for pool in ["", SESSION] {
        let Some(pooled) = PooledDatabase::start(|config| config.pool = pool.to_owned()).unwrap()
        else {
            return;
        };
        pooled
            .admin("update pg_database set datcollversion = '0' where datname = current_database()")
            .unwrap();
        let version = pooled.admin("show server_version_num").unwrap();
        if version.parse::<u32>().unwrap() >= 170_000 {
            let trigger = "create function greet() returns event_trigger language plpgsql as \
                           $$ begin raise notice 'hello'; raise warning 'beware'; end $$; \
                           create event trigger greeting on login execute function greet()";
            pooled.admin(trigger).unwrap();
        }
        let (tags, notices) = told(&pooled.direct_login());
        assert!(!notices.is_empty(), "Postgres warns, too");
        for _ in 0..2 {
            assert_eq!(told(&pooled.login()), (tags.clone(), notices.clone()));
        }
        let quiet = |login: Login| told(&login.with("options", "-c client_min_messages=warning"));
        assert_eq!(quiet(pooled.login()), quiet(pooled.direct_login()));
    }
}

/// What a login is refused with.
fn refusal(login: &Login) -> (String, String, String) {
    match Wire::connect(login) {
        Err(WireError::Refused(report)) => (report.severity, report.sqlstate, report.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_refuses_the_client_s_own_login_is_heard_in_its_own_words() {
    for mode in ["", SESSION] {
        let configure = |config: &mut PoolerConfig| {
            config.pool = format!("{mode}server_login_retry = 0");
        };
        let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
            return;
        };
        let (user, name) = (&pooled.database.user, &pooled.database.name);
        let same = |sqlstate: &str, database: &str| {
            let [own, through] = [pooled.direct_login(), pooled.login()].map(|mut login| {
                database.clone_into(&mut login.database);
                refusal(&login)
            });
            assert_eq!(own, through);
            assert_eq!(through.1, sqlstate);
        };
        same("3D000", "nowhere");
        let cases = [
            ("28000", format!("alter role {user} nologin")),
            (
                "53300",
                format!("alter role {user} login connection limit 0"),
            ),
            (
                "28P01",
                format!("alter role {user} connection limit -1 password 'another'"),
            ),
        ];
        for (sqlstate, sql) in cases {
            pooled.admin(&sql).unwrap();
            same(sqlstate, name);
        }
        let password = &pooled.database.password;
        let sql = format!(
            "alter role {user} password '{password}'; alter database {name} owner to {SUPERUSER}; \
             revoke connect on database {name} from public"
        );
        pooled.admin(&sql).unwrap();
        same("42501", name);
    }
}

#[test]
fn no_client_is_told_that_its_password_is_wrong_when_the_pooler_s_is() {
    let wrong = [
        "server_secret = \"wrong\"".to_owned(),
        format!("server_user = \"{SUPERUSER}\"\nserver_secret = \"wrong\""),
        "server_user = \"nobody_at_all\"\nserver_secret = \"wrong\"".to_owned(),
    ];
    for user in wrong {
        for mode in ["", SESSION] {
            let configure = |config: &mut PoolerConfig| {
                config.pool = mode.to_owned();
                config.user.clone_from(&user);
            };
            let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
                return;
            };
            let (severity, sqlstate, message) = refusal(&pooled.login());
            assert_eq!((&*severity, &*sqlstate), ("FATAL", "08006"), "{message}");
            assert!(!message.contains("password"), "{message}");
            // The operator reads what the matter is.
            let words = "password authentication failed for user";
            pooled.pooler.wait_for_log(words).unwrap();
        }
    }
}
