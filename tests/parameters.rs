//! Parameters that follow a client from server to server: those it starts with, and those that it
//! sets and the server reports.
#![cfg(test)]

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;

/// One server for all: whatever a client has, it has made another's server its own.
fn one_server(config: &mut PoolerConfig) {
    config.pool = "pool_size = 1".to_owned();
}

fn show(client: &mut Wire, name: &str) -> String {
    client.query(&format!("show {name}")).unwrap()
}

#[test]
fn what_a_client_is_told_at_login_is_what_postgres_tells() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let logins: [&[(&str, &str)]; 5] = [
        &[],
        &[("application_name", "an application")],
        &[("TimeZone", "europe/berlin"), ("datestyle", "german, dmy")],
        &[("client_encoding", "latin1"), ("extra_float_digits", "2")],
        &[(
            "options",
            "-c intervalstyle=iso_8601 -c geqo=off --work-mem=3MB",
        )],
    ];
    for parameters in logins {
        let told = |login: Login| {
            let with = |login: Login, (name, value): &(&str, &str)| login.with(name, value);
            let client = Wire::connect(&parameters.iter().fold(login, with)).unwrap();
            let mut told = client.parameters().to_vec();
            told.sort();
            told
        };
        assert_eq!(told(pooled.login()), told(pooled.direct_login()));
    }
}

#[test]
fn a_reported_parameter_follows_its_client() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let values = [
        ("TimeZone", "Asia/Tokyo", "America/New_York"),
        ("DateStyle", "German, DMY", "SQL, MDY"),
        ("IntervalStyle", "iso_8601", "sql_standard"),
        ("client_encoding", "LATIN1", "UTF8"),
        ("application_name", "the first", "the second"),
        ("standard_conforming_strings", "off", "on"),
    ];
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    for (name, one, two) in values {
        first.query(&format!("set {name} = '{one}'")).unwrap();
        second.query(&format!("set {name} = '{two}'")).unwrap();
        for _ in 0..3 {
            assert_eq!(
                (show(&mut first, name), show(&mut second, name)),
                (one.to_owned(), two.to_owned())
            );
            // Neither is told of the other's.
            assert_eq!(
                (first.parameter(name), second.parameter(name)),
                (Some(one), Some(two))
            );
        }
    }
}

#[test]
fn startup_parameters_are_applied_to_whichever_server_a_client_gets() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let options =
        "-c statement_timeout=1234 -c search_path=pg_catalog,\\ public -c a.b=it\\'s\\ \\\\mine";
    let mut first = Wire::connect(&pooled.login().with("options", options)).unwrap();
    let mut second = Wire::connect(&pooled.login().with("search_path", "nowhere")).unwrap();
    let mut third = pooled.connect().unwrap();
    for _ in 0..3 {
        assert_eq!(show(&mut first, "statement_timeout"), "1234ms");
        assert_eq!(show(&mut second, "statement_timeout"), "0");
        assert_eq!(show(&mut first, "search_path"), "pg_catalog, public");
        assert_eq!(show(&mut second, "search_path"), "nowhere");
        assert_eq!(show(&mut third, "search_path"), "\"$user\", public");
        assert_eq!(show(&mut first, "a.b"), "it's \\mine");
        assert_eq!(third.query("select current_setting('a.b', true) is null or current_setting('a.b', true) = ''").unwrap(), "t");
    }
}

#[test]
fn a_startup_parameter_that_postgres_refuses_is_refused_in_its_words() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let refused = [
        ("TimeZone", "Nowhere/Land"),
        ("no_such_parameter", "1"),
        ("work_mem", "much"),
        ("options", "-c statement_timeout=never"),
        ("log_statement", "all"),
        ("max_connections", "7"),
    ];
    for (name, value) in refused {
        let through = Wire::connect(&pooled.login().with(name, value)).unwrap_err();
        let direct = Wire::connect(&pooled.direct_login().with(name, value)).unwrap_err();
        let words = |error: &WireError| {
            let report = error
                .report()
                .cloned()
                .unwrap_or_else(|| panic!("{name}: {error}"));
            (report.severity, report.sqlstate, report.message)
        };
        assert_eq!(words(&through), words(&direct), "{name}");
        // And the server is none the worse.
        assert_eq!(pooled.connect().unwrap().query("select 1").unwrap(), "1");
    }
}

#[test]
fn a_parameter_that_is_rolled_back_is_as_before_on_every_server() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let (mut client, mut other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    client.query("set TimeZone = 'Asia/Tokyo'").unwrap();
    client
        .query("begin; set TimeZone = 'Europe/Rome'; rollback")
        .unwrap();
    client
        .query("begin; set local TimeZone = 'Europe/Rome'; commit")
        .unwrap();
    client
        .query("begin; savepoint s; set TimeZone = 'Europe/Rome'; rollback to s; commit")
        .unwrap();
    assert_eq!(show(&mut other, "TimeZone"), "UTC");
    assert_eq!(show(&mut client, "TimeZone"), "Asia/Tokyo");
}

#[test]
fn a_reset_falls_back_to_what_the_client_started_with() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let mut client = Wire::connect(&pooled.login().with("TimeZone", "Asia/Tokyo")).unwrap();
    let mut other = pooled.connect().unwrap();
    for reset in ["reset all", "discard all", "select 1; reset all"] {
        client.query("set TimeZone = 'Europe/Rome'").unwrap();
        assert_eq!(show(&mut other, "TimeZone"), "UTC");
        client.query(reset).unwrap();
        assert_eq!(show(&mut client, "TimeZone"), "Asia/Tokyo", "{reset}");
        assert_eq!(show(&mut other, "TimeZone"), "UTC", "{reset}");
        drop(client);
        client = Wire::connect(&pooled.login().with("TimeZone", "Asia/Tokyo")).unwrap();
    }
}

#[test]
fn a_reset_that_does_not_last_changes_nothing() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let mut other = pooled.connect().unwrap();
    let undone = [
        "begin; reset all; rollback",
        "begin; reset all; select 1/0",
        "select 1/0; reset all",
        "begin; select 1/0; reset all",
        "begin; savepoint s; reset all; rollback to s; commit",
    ];
    for sql in undone {
        let mut client = Wire::connect(&pooled.login().with("work_mem", "3MB")).unwrap();
        client.query("set TimeZone = 'Europe/Rome'").unwrap();
        // Some of these end with the error that they are about.
        drop(client.query(sql));
        client.query("rollback").unwrap();
        let seen = |client: &mut Wire| (show(client, "TimeZone"), show(client, "work_mem"));
        assert_eq!(
            seen(&mut other),
            ("UTC".to_owned(), "4MB".to_owned()),
            "{sql}"
        );
        assert_eq!(
            seen(&mut client),
            ("Europe/Rome".to_owned(), "3MB".to_owned()),
            "{sql}"
        );
        drop(client);
        assert_eq!(
            seen(&mut other),
            ("UTC".to_owned(), "4MB".to_owned()),
            "{sql}"
        );
    }
}

#[test]
fn in_session_mode_a_discard_leaves_what_the_client_started_with() {
    let configure = |config: &mut PoolerConfig| config.pool = "pool_mode = \"session\"".to_owned();
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let login = pooled
        .login()
        .with("search_path", "a")
        .with("TimeZone", "Asia/Tokyo");
    for discard in ["discard all", "reset all"] {
        let mut client = Wire::connect(&login).unwrap();
        client
            .query("set search_path = b; set TimeZone = 'Europe/Rome'")
            .unwrap();
        client.query(discard).unwrap();
        assert_eq!(show(&mut client, "search_path"), "a", "{discard}");
        assert_eq!(show(&mut client, "TimeZone"), "Asia/Tokyo", "{discard}");
    }
}

#[test]
fn psql_hands_its_options_and_its_environment_over() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let dsn = format!(
        "{} application_name='a name' client_encoding=LATIN1 options='-c work_mem=3MB -c search_path=a,b'",
        pooled.dsn()
    );
    let sql = "select current_setting('application_name'), current_setting('client_encoding'), \
               current_setting('work_mem'), current_setting('search_path')";
    let seen = pooled.cluster().binaries().psql(&dsn, sql).unwrap();
    assert_eq!(seen, "a name|LATIN1|3MB|a,b");
}

#[test]
fn the_name_of_an_application_is_seen_on_its_server() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let mut first = Wire::connect(&pooled.login().with("application_name", "first")).unwrap();
    let mut second = Wire::connect(&pooled.login().with("application_name", "second")).unwrap();
    let seen = "select application_name from pg_stat_activity where pid = pg_backend_pid()";
    for _ in 0..2 {
        assert_eq!(first.query(seen).unwrap(), "first");
        assert_eq!(second.query(seen).unwrap(), "second");
    }
}
