//! What clients of transaction mode set goes with them from server to server, with the meaning that
//! it has in PostgreSQL: what is rolled back was not set, and what is reset is what it was at login.
//!
//! There is one server for all: a client that had to keep it would make the others wait.
#![cfg(test)]

use std::thread;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::Wire;

fn one_server(config: &mut PoolerConfig) {
    config.pool = "pool_size = 1\nquery_wait_timeout = \"5s\"".to_owned();
}

fn shown(client: &mut Wire, name: &str) -> String {
    let sql = format!("select current_setting('{name}', true)");
    client.query(&sql).unwrap()
}

/// Ways to set a parameter for the session, `?` in place of the value.
const WAYS: [(&str, &str, [&str; 2]); 11] = [
    (
        "set statement_timeout = ?",
        "statement_timeout",
        ["12345ms", "54321ms"],
    ),
    ("set session work_mem to ?", "work_mem", ["5MB", "6MB"]),
    (
        "select set_config('lock_timeout', ?, false)",
        "lock_timeout",
        ["11s", "12s"],
    ),
    (
        "set search_path = ?",
        "search_path",
        ["\"$user\", public", "pg_catalog"],
    ),
    ("set schema ?", "search_path", ["one", "two"]),
    (
        "set app.user_id = ?",
        "app.user_id",
        ["it's", "back\\slash"],
    ),
    (
        "set session characteristics as transaction isolation level ?",
        "default_transaction_isolation",
        ["serializable", "repeatable read"],
    ),
    ("begin; set app.a = ?; commit", "app.a", ["1", "2"]),
    (
        "begin; savepoint s; set app.b = ?; release s; commit",
        "app.b",
        ["1", "2"],
    ),
    (
        "set client_min_messages = ?",
        "client_min_messages",
        ["warning", "error"],
    ),
    ("set time zone ?", "timezone", ["Asia/Tokyo", "Europe/Oslo"]),
];

fn quoted(sql: &str, value: &str) -> String {
    // A list is written as a list, and a level as words.
    let is_bare = sql.contains("search_path") || sql.contains("isolation level");
    let value = if is_bare {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "''"))
    };
    sql.replace('?', &value)
}

#[test]
fn what_a_client_sets_goes_with_it_and_reaches_nobody_else() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    for (sql, name, values) in WAYS {
        let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
        let mut third = pooled.connect().unwrap();
        let before = shown(&mut third, name);
        first.query(&quoted(sql, values[0])).unwrap();
        second.query(&quoted(sql, values[1])).unwrap();
        for _ in 0..2 {
            assert_eq!(shown(&mut first, name), values[0], "{sql}");
            assert_eq!(shown(&mut second, name), values[1], "{sql}");
            assert_eq!(shown(&mut third, name), before, "{sql}");
        }
        drop((first, second));
        assert_eq!(shown(&mut pooled.connect().unwrap(), name), before, "{sql}");
    }
}

#[test]
fn a_statement_that_sets_sets_when_it_is_executed() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let parse = wire::parse("s", "set app.name = 'first'").unwrap();
    first.send(&[parse, wire::sync()].concat()).unwrap();
    first.rows().unwrap();
    assert_eq!(shown(&mut first, "app.name"), "");
    let bind = wire::bind("", "s", &[]).unwrap();
    let run = [bind, wire::execute("").unwrap(), wire::sync()];
    first.send(&run.concat()).unwrap();
    first.rows().unwrap();
    assert_eq!(shown(&mut second, "app.name"), "");
    assert_eq!(shown(&mut first, "app.name"), "first");
    // By a value that the text does not tell.
    let run = [
        wire::parse("", "select set_config('app.name', $1, $2::bool)").unwrap(),
        wire::bind("", "", &["second", "false"]).unwrap(),
        wire::execute("").unwrap(),
        wire::sync(),
    ];
    second.send(&run.concat()).unwrap();
    second.rows().unwrap();
    assert_eq!(shown(&mut first, "app.name"), "first");
    assert_eq!(shown(&mut second, "app.name"), "second");
}

#[test]
fn what_is_rolled_back_was_not_set() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first.query("set app.name = 'kept'").unwrap();
    for sql in [
        "begin; set app.name = 'gone'; rollback",
        "begin; savepoint s; set app.name = 'gone'; rollback to s; commit",
        "begin; set local app.name = 'gone'; commit",
        "begin; reset app.name; rollback",
    ] {
        first.query(sql).unwrap();
        assert_eq!(shown(&mut second, "app.name"), "", "{sql}");
        assert_eq!(shown(&mut first, "app.name"), "kept", "{sql}");
    }
    first
        .query("set app.name = 'gone'; select 1/0")
        .unwrap_err();
    assert_eq!(shown(&mut second, "app.name"), "");
    assert_eq!(shown(&mut first, "app.name"), "kept");
    first
        .query("begin; set app.name = 'new'; savepoint s; set app.name = 'gone'; rollback to s; commit")
        .unwrap();
    assert_eq!(shown(&mut second, "app.name"), "");
    assert_eq!(shown(&mut first, "app.name"), "new");
}

#[test]
fn what_is_reset_is_what_the_client_logged_in_with() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let login = pooled
        .login()
        .with("timezone", "Asia/Tokyo")
        .with("options", "-c work_mem=7MB -c app.name=mine");
    let (mut first, mut second) = (Wire::connect(&login).unwrap(), pooled.connect().unwrap());
    let names = ["timezone", "work_mem", "app.name"];
    let own = ["Asia/Tokyo", "7MB", "mine"];
    let others = names.map(|name| shown(&mut second, name));
    let set = "set timezone = 'Europe/Oslo'; set work_mem = '8MB'; set app.name = 'changed'";
    for reset in [
        "reset timezone; reset work_mem; reset app.name",
        "set timezone to default; set work_mem = default; set app.name to default",
        "reset all",
        "begin; reset all; commit",
        "discard all",
    ] {
        first.query(set).unwrap();
        assert_eq!(names.map(|name| shown(&mut second, name)), others);
        assert_eq!(
            names.map(|name| shown(&mut first, name)),
            ["Europe/Oslo", "8MB", "changed"]
        );
        first.query(reset).unwrap();
        assert_eq!(
            names.map(|name| shown(&mut second, name)),
            others,
            "{reset}"
        );
        assert_eq!(names.map(|name| shown(&mut first, name)), own, "{reset}");
        assert_eq!(first.parameter("timezone"), Some("Asia/Tokyo"), "{reset}");
    }
    first.query(set).unwrap();
    first.query("begin; reset all; rollback").unwrap();
    assert_eq!(
        names.map(|name| shown(&mut first, name)),
        ["Europe/Oslo", "8MB", "changed"]
    );
}

#[test]
fn what_follows_a_reset_in_the_same_write_sees_what_the_client_logged_in_with() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let login = pooled.login().with("timezone", "Asia/Tokyo");
    let mut client = Wire::connect(&login).unwrap();
    for reset in [
        "reset timezone",
        "reset all",
        "discard all",
        "set time zone local",
    ] {
        client.query("set timezone = 'Europe/Oslo'").unwrap();
        let said = [reset, "show timezone", "begin", "show timezone", "commit"];
        let said = said.map(|sql| wire::query(sql).unwrap());
        client.send(&said.concat()).unwrap();
        let shown = said.map(|_| client.rows().unwrap());
        assert_eq!(shown, ["", "Asia/Tokyo", "", "Asia/Tokyo", ""], "{reset}");
        // By the extended protocol.
        client.query("set timezone = 'Europe/Oslo'").unwrap();
        let said = [
            wire::parse("", reset).unwrap(),
            wire::bind("", "", &[]).unwrap(),
            wire::execute("").unwrap(),
            wire::sync(),
            wire::query("show timezone").unwrap(),
        ];
        client.send(&said.concat()).unwrap();
        assert_eq!(client.rows().unwrap(), "", "{reset}");
        assert_eq!(client.rows().unwrap(), "Asia/Tokyo", "{reset}");
    }
    // In a transaction nothing of the pooler's may come between.
    let said = [
        "begin",
        "reset timezone",
        "select 1",
        "commit",
        "show timezone",
    ];
    let said = said.map(|sql| wire::query(sql).unwrap());
    client.send(&said.concat()).unwrap();
    let shown = said.map(|_| client.rows().unwrap());
    assert_eq!(shown, ["", "", "1", "", "Asia/Tokyo"]);
}

#[test]
fn a_role_goes_with_its_client() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let (name, user) = (&pooled.database.name, &pooled.database.user);
    pooled
        .admin(&format!("create role r_{name}; grant r_{name} to {user}"))
        .unwrap();
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first
        .query(&format!("set app.name = 'x'; set role r_{name}"))
        .unwrap();
    let who = |client: &mut Wire| client.query("select current_user").unwrap();
    for _ in 0..3 {
        assert_eq!(who(&mut second), *user);
        assert_eq!(who(&mut first), format!("r_{name}"));
        assert_eq!(shown(&mut first, "app.name"), "x");
    }
    first.query("reset role").unwrap();
    assert_eq!(who(&mut second), *user);
    assert_eq!(who(&mut first), *user);
}

#[test]
fn a_parameter_that_may_not_be_read_keeps_its_server() {
    let configure = |config: &mut PoolerConfig| config.pool = "pool_size = 2".to_owned();
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let user = &pooled.database.user;
    // Only a superuser, and members of a certain role, may read this one.
    pooled
        .admin(&format!("do $$ begin execute 'grant set on parameter session_preload_libraries to {user}'; exception when others then null; end $$"))
        .unwrap();
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let set = first.query("set session_preload_libraries = ''");
    for client in [&mut first, &mut second] {
        assert_eq!(client.query("select 1").unwrap(), "1", "{set:?}");
    }
}

#[test]
fn settings_of_a_pipeline_are_learnt_while_it_goes_on() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let texts = (0..20).flat_map(|number| {
        [
            format!("set app.a = '{number}'"),
            "select current_setting('app.a')".to_owned(),
        ]
    });
    let texts: Vec<String> = texts.collect();
    let said: Vec<Vec<u8>> = texts.iter().map(|sql| wire::query(sql).unwrap()).collect();
    first.send(&said.concat()).unwrap();
    for number in 0..20 {
        assert_eq!(first.rows().unwrap(), "");
        assert_eq!(first.rows().unwrap(), number.to_string());
    }
    assert_eq!(shown(&mut second, "app.a"), "");
    assert_eq!(shown(&mut first, "app.a"), "19");
}

#[test]
fn a_cancel_request_ends_the_query_and_not_the_settings_that_go_before_it() {
    let Some(pooled) = PooledDatabase::start(one_server).unwrap() else {
        return;
    };
    let configuration = "default_text_search_config";
    let mut client = pooled.connect().unwrap();
    client
        .query(&format!("set {configuration} = 'pg_catalog.simple'"))
        .unwrap();
    // A new server has to look for the configuration in a table, which is locked until its lock is.
    let terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                     where datname = current_database() and pid <> pg_backend_pid()";
    pooled.admin(terminate).unwrap();
    let mut lock = Wire::connect(&pooled.direct_login()).unwrap();
    lock.query("select pg_advisory_lock(7), pg_advisory_lock(8)")
        .unwrap();
    let waiting = |count: &str, event: &str| {
        let sql = format!(
            "select count(*) from pg_stat_activity \
             where datname = current_database() and wait_event = '{event}'"
        );
        let waits = || pooled.admin(&sql).unwrap() == count;
        polling::until_true(event, Duration::from_mins(1), waits).unwrap();
    };
    thread::scope(|scope| {
        let hold = "begin; lock table pg_ts_config in access exclusive mode; \
                    select pg_advisory_lock(7); commit";
        scope.spawn(|| pooled.admin(hold).unwrap());
        waiting("1", "advisory");
        let waits = wire::query("select pg_advisory_xact_lock(8)").unwrap();
        client.send(&waits).unwrap();
        waiting("1", "relation");
        let mut request = Wire::open(pooled.login().address).unwrap();
        request.send(&client.cancel_request().unwrap()).unwrap();
        pooled.pooler.wait_for_log("handed on").unwrap();
        lock.query("select pg_advisory_unlock(7)").unwrap();
    });
    let error = client.rows().unwrap_err();
    assert_eq!(error.sqlstate(), "57014", "{error}");
    assert_eq!(shown(&mut client, configuration), "pg_catalog.simple");
}
