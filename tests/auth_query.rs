//! Users whose secrets stand in the tenant's own database, against a real one: who is found, who is
//! not, and that nothing a client says reaches the question but its name.
#![cfg(test)]

use std::net::TcpListener;
use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::SUPERUSER;
use tidegate_harness::SUPERUSER_PASSWORD;
use tidegate_harness::free_port;
use tidegate_harness::http_get;
use tidegate_harness::polling;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;

const LIMIT: Duration = Duration::from_mins(1);

/// A tenant whose users are looked up, with the usual query or with this one.
fn looking_up(query: Option<&str>) -> Option<PooledDatabase> {
    let query = query.map_or(String::new(), |query| {
        format!("auth_query.query = \"{query}\"\n")
    });
    let configure = |config: &mut PoolerConfig| {
        config.tenant = format!(
            "{query}auth_query.user = \"{SUPERUSER}\"\nauth_query.secret = \"{SUPERUSER_PASSWORD}\""
        );
        // Failures are meant here.
        config.node = "login_failure_delay = 0".to_owned();
    };
    PooledDatabase::start(configure).unwrap()
}

/// A role that Tidegate's configuration does not know, by what `create role` takes.
fn role(pooled: &PooledDatabase, name: &str, options: &str) -> Login {
    let name = format!("{name}_{}", pooled.database.user);
    pooled
        .admin(&format!("create role {name} {options}"))
        .unwrap();
    pooled.login().as_user(&name).with_password("pencil")
}

/// Whether the client is let in, and has a server as itself.
fn is_let_in(login: &Login) -> bool {
    match Wire::connect(login) {
        Ok(mut client) => {
            assert_eq!(client.query("select current_user").unwrap(), login.user);
            true
        },
        Err(error) => {
            assert_eq!(error.sqlstate(), "28P01", "{error}");
            false
        },
    }
}

#[test]
fn a_user_without_a_row_logs_in_with_what_its_database_stores() {
    let Some(pooled) = looking_up(None) else {
        return;
    };
    let stored = role(&pooled, "stored", "login password 'pencil'");
    assert!(is_let_in(&stored));
    assert!(!is_let_in(&stored.clone().with_password("pencils")));
    // Who has a row is not asked for.
    assert!(is_let_in(&pooled.login()));
    // A name as Postgres takes it, in any case and script.
    pooled
        .admin("create role \"Größe x\" login password 'pencil'")
        .unwrap();
    assert!(is_let_in(&stored.as_user("Größe x")));
}

#[test]
fn valid_until_cve_2025_2291() {
    let Some(pooled) = looking_up(None) else {
        return;
    };
    for (name, options, expected) in [
        (
            "expired",
            "login password 'pencil' valid until '2001-01-01'",
            false,
        ),
        (
            "expiring",
            "login password 'pencil' valid until '2999-01-01'",
            true,
        ),
        (
            "eternal",
            "login password 'pencil' valid until 'infinity'",
            true,
        ),
        ("nologin", "nologin password 'pencil'", false),
        ("without", "login", false),
    ] {
        let login = role(&pooled, name, options);
        assert_eq!(is_let_in(&login), expected, "{name}");
        assert!(!is_let_in(&login.with_password("")), "{name}");
    }
}

#[test]
fn auth_user_fallback_cve_2015_6817() {
    let Some(pooled) = looking_up(None) else {
        return;
    };
    let unknown = pooled.login().as_user("nobody_at_all");
    for password in [SUPERUSER_PASSWORD, &*pooled.database.password, ""] {
        assert!(!is_let_in(&unknown.clone().with_password(password)));
    }
    // A query that gives another user than the one who was asked for makes nobody that user.
    let any = "select rolname, rolpassword from pg_authid where rolname = 'postgres' or rolname = $1 limit 1";
    let Some(pooled) = looking_up(Some(any)) else {
        return;
    };
    let unknown = pooled
        .login()
        .as_user("nobody_at_all")
        .with_password(SUPERUSER_PASSWORD);
    let error = Wire::connect(&unknown).unwrap_err();
    assert_eq!(error.sqlstate(), "08006", "{error}");
}

#[test]
fn auth_query_injection_odyssey() {
    let Some(pooled) = looking_up(None) else {
        return;
    };
    pooled.admin("create table still_there (id int)").unwrap();
    for name in [
        "x' or '1'='1",
        "x'; drop table still_there; --",
        "postgres'--",
        "$1",
        "%u",
        "x\\'",
        "\"postgres\"",
        "postgres ",
        &"x".repeat(9_000),
    ] {
        for password in [SUPERUSER_PASSWORD, ""] {
            let named = format!("{name}.acme");
            let login = pooled.login().as_user(&named).with_password(password);
            assert_eq!(
                Wire::connect(&login).unwrap_err().sqlstate(),
                "28P01",
                "{name:.40}"
            );
        }
    }
    assert_eq!(
        pooled.admin("select count(*) from still_there").unwrap(),
        "0"
    );
}

/// Tables, functions and operators that would let everybody in with `fake`, if they were found.
const EVIL: &str = "create schema evil; \
    create table evil.pg_authid (rolname name, rolpassword text, rolcanlogin bool, rolvaliduntil timestamptz); \
    insert into evil.pg_authid select rolname, 'fake', true from pg_catalog.pg_authid; \
    create function evil.always(name, text) returns bool immutable language sql as 'select true'; \
    create operator evil.= (leftarg = name, rightarg = text, function = evil.always); \
    grant usage on schema evil to public; grant select on evil.pg_authid to public";

#[test]
fn search_path_cve_2025_12819() {
    let unqualified = "select rolname, rolpassword from pg_authid where rolname = $1";
    for query in [None, Some(unqualified)] {
        let Some(pooled) = looking_up(query) else {
            return;
        };
        let login = role(&pooled, "looked_up", "login password 'pencil'");
        pooled.admin(EVIL).unwrap();
        let path = "evil, pg_catalog";
        let database = &pooled.database.name;
        let everywhere = format!("alter database {database} set search_path = {path}");
        pooled.admin(&everywhere).unwrap();
        let fake = login.clone().with_password("fake");
        for login in [&login, &fake] {
            for login in [
                login.clone(),
                login.clone().with("search_path", path),
                login
                    .clone()
                    .with("options", "-c search_path=evil,pg_catalog"),
            ] {
                let is_right = login.password == "pencil";
                assert_eq!(
                    Wire::connect(&login).is_ok(),
                    is_right,
                    "{:?}",
                    login.parameters
                );
            }
        }
    }
}

#[test]
fn a_changed_password_is_asked_for_again_after_one_failure_and_an_old_one_is_not_good_for_ever() {
    let Some(pooled) = looking_up(None) else {
        return;
    };
    let old = role(&pooled, "changing", "login password 'pencil'");
    assert!(is_let_in(&old));
    pooled
        .admin(&format!("alter role {} password 'eraser'", old.user))
        .unwrap();
    let new = old.clone().with_password("eraser");
    assert!(
        !is_let_in(&new),
        "what was remembered is still held against it, once"
    );
    assert!(is_let_in(&new));
    assert!(!is_let_in(&old));
}

#[test]
fn a_database_that_cannot_be_asked_is_said_to_be_unreachable_and_lets_nobody_in() {
    let broken = "select rolname, rolpassword from no_such_table where rolname = $1";
    let Some(pooled) = looking_up(Some(broken)) else {
        return;
    };
    let login = pooled.login().as_user("anybody").with_password("pencil");
    let error = Wire::connect(&login).unwrap_err();
    let told = error.report().unwrap();
    assert_eq!(told.sqlstate, "08006", "{told}");
    // What the database said is for the tenant's log.
    assert!(!told.to_string().contains("no_such_table"), "{told}");
    pooled.pooler.wait_for_log("no_such_table").unwrap();
    assert!(is_let_in(&pooled.login()));
}

#[test]
fn a_database_that_a_client_made_up_keeps_nobody_else_out() {
    let Some(pooled) = looking_up(None) else {
        return;
    };
    let right = role(&pooled, "right", "login password 'pencil'");
    let mut made_up = right.clone().as_user("anybody");
    "no_such_database".clone_into(&mut made_up.database);
    for _ in 0..3 {
        assert_eq!(Wire::connect(&made_up).unwrap_err().sqlstate(), "08006");
        assert!(is_let_in(&right));
    }
}

#[test]
fn a_query_that_writes_is_refused_by_the_database() {
    let writing = "insert into public.written values ('x') returning 'x', $1::text";
    let Some(pooled) = looking_up(Some(writing)) else {
        return;
    };
    pooled
        .admin("create table public.written (x text)")
        .unwrap();
    let login = pooled.login().as_user("anybody").with_password("x");
    assert_eq!(Wire::connect(&login).unwrap_err().sqlstate(), "08006");
    pooled.pooler.wait_for_log("read-only transaction").unwrap();
    assert_eq!(pooled.admin("select count(*) from written").unwrap(), "0");
}

#[test]
fn clients_who_wait_for_a_database_that_fails_are_told_so_at_once_and_all_together() {
    let http = free_port().unwrap();
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = database.local_addr().unwrap().port();
    let configure = |config: &mut PoolerConfig| {
        config.tenant = "auth_query.user = \"asking\"\nauth_query.secret = \"asking\"".to_owned();
        config.node = format!("[http]\naddress = \"127.0.0.1:{http}\"");
        config.endpoint_port = Some(port);
    };
    let Some(pooled) = PooledDatabase::start(configure).unwrap() else {
        return;
    };
    let login = pooled.login().as_user("looked_up");
    let mut waiting: Vec<Wire> = (0..12).map(|_| Wire::announce(&login).unwrap()).collect();
    let (asked, _) = database.accept().unwrap();
    let all_wait = || {
        let (_, page) = http_get(http, "/metrics").unwrap();
        page.contains("\ntidegate_unauthenticated_connections 12\n")
    };
    polling::until_true("twelve waiting logins", LIMIT, all_wait).unwrap();
    // A database that breaks off. Each of them would ask anew, and wait in the others' way.
    drop(asked);
    for client in &mut waiting {
        assert_eq!(client.farewell().unwrap().sqlstate, "08006");
    }
    database.set_nonblocking(true).unwrap();
    assert!(database.accept().is_err(), "it was asked a second time");
}
