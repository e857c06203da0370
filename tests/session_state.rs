//! What a client of transaction mode leaves in a server: it follows the client, or keeps the client
//! there, and never shows itself to another.
//!
//! What is told apart is text. Of what a function of the tenant's own does to its session, only what the
//! server reports by itself is seen.
#![cfg(test)]

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire;
use tidegate_harness::wire::ANSWER_LIMIT;
use tidegate_harness::wire::Wire;
use tidegate_proto::backend::tag;

fn pool_of(size: u32) -> impl FnOnce(&mut PoolerConfig) {
    move |config| config.pool = format!("pool_size = {size}")
}

/// Text that sets `statement_timeout` for the session, in ways that are not easy to see.
const HIDDEN_SETTINGS: [&str; 14] = [
    "set statement_timeout = 12345",
    "SET SESSION statement_timeout TO 12345",
    "select set_config('statement_timeout', '12345', false)",
    "select pg_catalog . set_config ( 'statement_timeout' , '12345' , false )",
    "select $$it's$$; set statement_timeout = 12345",
    "select $tag$ ' $$ $tag$; set statement_timeout = 12345",
    r"select E'it\'s'; set statement_timeout = 12345 -- '",
    "select 1 as \"it's\"; set statement_timeout = 12345",
    "/* one /* two */ ' */ set statement_timeout = 12345",
    "select 1 -- '\n; set statement_timeout = 12345",
    "do $$ begin perform set_config('statement_timeout', '12345', false); end $$",
    "do $$ begin execute 'se' || 't statement_timeout = 12345'; end $$",
    "select \"set_config\"('statement_timeout', '12345', false)",
    "update pg_settings set setting = '12345' where name = 'statement_timeout'",
];

fn timeout_of(client: &mut Wire) -> String {
    client.query("show statement_timeout").unwrap()
}

#[test]
fn a_setting_stays_with_its_client_and_reaches_nobody_else() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    for sql in HIDDEN_SETTINGS {
        let (mut setter, mut other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
        setter.query(sql).unwrap();
        for _ in 0..3 {
            assert_eq!(timeout_of(&mut other), "0", "{sql}");
            assert_eq!(timeout_of(&mut setter), "12345ms", "{sql}");
        }
    }
}

#[test]
fn a_setting_does_not_outlive_its_client() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    for sql in HIDDEN_SETTINGS {
        pooled.connect().unwrap().query(sql).unwrap();
        assert_eq!(timeout_of(&mut pooled.connect().unwrap()), "0", "{sql}");
    }
    // The same far behind the beginning of a long text.
    let long = format!(
        "select '{}'; set statement_timeout = 12345",
        "x".repeat(100_000)
    );
    pooled.connect().unwrap().query(&long).unwrap();
    assert_eq!(
        timeout_of(&mut pooled.connect().unwrap()),
        "0",
        "far behind"
    );
}

#[test]
fn a_setting_by_the_extended_protocol_does_not_outlive_its_client() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    for sql in HIDDEN_SETTINGS
        .into_iter()
        .filter(|sql| !sql.contains(';') || sql.starts_with("do"))
    {
        let mut client = pooled.connect().unwrap();
        let said = [
            wire::parse("named", sql).unwrap(),
            wire::bind("", "named", &[]).unwrap(),
            wire::execute("").unwrap(),
            wire::sync(),
        ];
        client.send(&said.concat()).unwrap();
        client.rows().unwrap();
        drop(client);
        assert_eq!(timeout_of(&mut pooled.connect().unwrap()), "0", "{sql}");
    }
}

#[test]
fn a_temporary_table_is_its_clients_own() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let made = [
        "create temp table scratch (id int)",
        "create temporary table scratch as select 1 as id",
        "create table pg_temp.scratch (id int)",
        "select 1 as id into temp scratch",
        "create temp view scratch as select 1 as id",
        "create local temp sequence scratch",
        "do $$ begin execute 'create temp' || 'orary table scratch (id int)'; end $$",
    ];
    for sql in made {
        let (mut maker, mut other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
        maker.query(sql).unwrap();
        for _ in 0..3 {
            let exists = "select to_regclass('scratch') is not null";
            assert_eq!(other.query(exists).unwrap(), "f", "{sql}");
            assert_eq!(maker.query(exists).unwrap(), "t", "{sql}");
        }
    }
}

#[test]
fn an_advisory_lock_is_held_by_its_client_and_freed_when_it_leaves() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut holder, mut other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    holder.query("select pg_advisory_lock(42)").unwrap();
    for _ in 0..3 {
        let taken = other.query("select pg_try_advisory_lock(42)").unwrap();
        assert_eq!(taken, "f");
    }
    assert_eq!(holder.query("select pg_advisory_unlock(42)").unwrap(), "t");
    holder.query("select pg_try_advisory_lock(42)").unwrap();
    drop(holder);
    let free = || other.query("select pg_try_advisory_lock(42)").unwrap() == "t";
    polling::until_true("the end of the lock", ANSWER_LIMIT, free).unwrap();
}

#[test]
fn a_listener_hears_its_channel_and_nobody_else_does() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut listener, mut other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    listener.query("listen news").unwrap();
    other.query("notify news, 'extra'").unwrap();
    // It arrives while the listener is idle.
    let heard = listener.message().unwrap();
    assert_eq!(heard.tag(), tag::NOTIFICATION_RESPONSE);
    assert!(heard.body().ends_with(b"news\0extra\0"));
    drop(listener);
    for _ in 0..3 {
        let channels = other
            .query("select count(*) from pg_listening_channels()")
            .unwrap();
        assert_eq!(channels, "0");
        pooled.connect().unwrap().query("notify news").unwrap();
    }
    let answer = {
        other.send(&wire::query("select 1").unwrap()).unwrap();
        other.until(tag::READY_FOR_QUERY).unwrap()
    };
    assert!(
        answer
            .iter()
            .all(|message| message.tag() != tag::NOTIFICATION_RESPONSE)
    );
}

#[test]
fn a_statement_prepared_by_sql_is_its_clients_own() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first
        .query("prepare the_same_name as select 'first'")
        .unwrap();
    second
        .query("prepare the_same_name as select 'second'")
        .unwrap();
    for _ in 0..3 {
        assert_eq!(first.query("execute the_same_name").unwrap(), "first");
        assert_eq!(second.query("execute the_same_name").unwrap(), "second");
    }
}

#[test]
fn a_holdable_cursor_is_its_clients_own() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut holder, mut other) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    holder
        .query("begin; declare held cursor with hold for select generate_series(1, 3); commit")
        .unwrap();
    for row in 1..=3 {
        assert_eq!(other.query("fetch held").unwrap_err().sqlstate(), "34000");
        assert_eq!(holder.query("fetch held").unwrap(), row.to_string());
    }
}

#[test]
fn a_role_is_its_clients_own() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (name, user) = (&pooled.database.name, &pooled.database.user);
    pooled
        .admin(&format!(
            "create role role_{name}; grant role_{name} to {user}"
        ))
        .unwrap();
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first.query(&format!("set role role_{name}")).unwrap();
    for _ in 0..3 {
        assert_eq!(second.query("select current_user").unwrap(), *user);
        assert_eq!(
            first.query("select current_user").unwrap(),
            format!("role_{name}")
        );
    }
}

#[test]
fn a_client_that_discards_all_shares_its_server_again() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first
        .query("set statement_timeout = 12345; create temp table scratch (id int)")
        .unwrap();
    first.query("discard all").unwrap();
    // With one server, this waits for ever if the first client kept it.
    assert_eq!(timeout_of(&mut second), "0");
    assert_eq!(timeout_of(&mut first), "0");
}

#[test]
fn what_is_set_behind_a_discard_stays() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let pipelined = ["discard all", "set statement_timeout = 12345", "select 1"];
    let said = pipelined.map(|sql| wire::query(sql).unwrap()).concat();
    first.send(&said).unwrap();
    for _ in pipelined {
        first.rows().unwrap();
    }
    for _ in 0..3 {
        assert_eq!(timeout_of(&mut second), "0");
        assert_eq!(timeout_of(&mut first), "12345ms");
    }
}

#[test]
fn a_discard_that_fails_frees_nothing() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first.query("begin; select pg_advisory_lock(42)").unwrap();
    assert_eq!(first.query("discard all").unwrap_err().sqlstate(), "25001");
    // A lock of the session outlives the rollback.
    first.query("rollback").unwrap();
    for _ in 0..3 {
        assert_eq!(
            second.query("select pg_try_advisory_lock(42)").unwrap(),
            "f"
        );
        assert_eq!(first.query("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()").unwrap(), "1");
    }
    drop(first);
    let free = || second.query("select pg_try_advisory_lock(42)").unwrap() == "t";
    polling::until_true("the end of the lock", ANSWER_LIMIT, free).unwrap();
}

#[test]
fn a_setting_of_one_transaction_keeps_nobody() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first
        .query("begin; set local statement_timeout = 12345; commit")
        .unwrap();
    assert_eq!(timeout_of(&mut second), "0");
    first.query("select pg_advisory_xact_lock(1)").unwrap();
    assert_eq!(timeout_of(&mut second), "0");
    first
        .query("begin; declare c cursor for select 1; fetch c; commit")
        .unwrap();
    assert_eq!(timeout_of(&mut second), "0");
}

/// What a function does that is called from a text which does not tell.
fn make_function(pooled: &PooledDatabase, body: &str) {
    let sql = format!(
        "drop function if exists unseen(); \
         create function unseen() returns text language plpgsql as $$ \
         begin {body}; return 'done'; end $$"
    );
    pooled.connect().unwrap().query(&sql).unwrap();
}

#[test]
fn what_a_function_sets_unseen_goes_with_its_client_if_the_server_reports_it() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    make_function(
        &pooled,
        "perform set_config('TimeZone', 'Asia/Tokyo', false)",
    );
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    let before = second.query("show TimeZone").unwrap();
    assert_eq!(first.query("select unseen()").unwrap(), "done");
    for _ in 0..2 {
        assert_eq!(second.query("show TimeZone").unwrap(), before);
        assert_eq!(first.query("show TimeZone").unwrap(), "Asia/Tokyo");
    }
}

#[test]
fn another_user_whom_a_function_makes_of_a_session_is_nobody_elses() {
    let Some(pooled) = PooledDatabase::start(pool_of(2)).unwrap() else {
        return;
    };
    let owner = pooled.login().user;
    pooled
        .admin(&format!("alter role \"{owner}\" superuser"))
        .unwrap();
    let other = format!("{owner}_other");
    pooled.admin(&format!("create role \"{other}\"")).unwrap();
    for (what, name) in [
        ("role", "current_user"),
        ("session authorization", "session_user"),
    ] {
        make_function(&pooled, &format!("set {what} \"{other}\""));
        let who = format!("select {name}");
        let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
        assert_eq!(first.query("select unseen()").unwrap(), "done");
        for _ in 0..3 {
            assert_eq!(first.query(&who).unwrap(), other, "{what}");
            assert_eq!(second.query(&who).unwrap(), owner, "{what}");
        }
        drop(first);
        assert_eq!(pooled.connect().unwrap().query(&who).unwrap(), owner);
    }
    pooled.admin(&format!("drop role \"{other}\"")).unwrap();
}

#[test]
fn nobody_hears_what_a_function_made_a_server_listen_to() {
    let Some(pooled) = PooledDatabase::start(pool_of(1)).unwrap() else {
        return;
    };
    make_function(&pooled, "listen news");
    let mut client = pooled.connect().unwrap();
    assert_eq!(client.query("select unseen()").unwrap(), "done");
    let mut other = pooled.connect().unwrap();
    other
        .send(&wire::query("notify news, 'unseen'").unwrap())
        .unwrap();
    let tags: Vec<u8> = std::iter::from_fn(|| {
        let message = other.message().unwrap();
        (message.tag() != tag::READY_FOR_QUERY).then_some(message.tag())
    })
    .collect();
    assert_eq!(tags, [tag::COMMAND_COMPLETE]);
    // The server has forgotten it.
    let channels = "select count(*) from pg_listening_channels()";
    assert_eq!(other.query(channels).unwrap(), "0");
}
