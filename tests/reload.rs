//! Reloads of a process that has live clients: what changes for them, and what never does.
#![cfg(test)]

use std::fs;
use std::time::Duration;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::SUPERUSER;
use tidegate_harness::SUPERUSER_PASSWORD;
use tidegate_harness::StopSignal;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;
use tidegate_harness::tools::Binaries;
use tidegate_harness::wire;
use tidegate_harness::wire::BEHIND_A_BALANCER;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::proxied;
use tidegate_harness::wire::proxied_through;

const LIMIT: Duration = Duration::from_mins(1);

/// What one case has in its configuration.
type Change = fn(&mut PoolerConfig);

fn start(configure: impl FnOnce(&mut PoolerConfig)) -> Option<PooledDatabase> {
    PooledDatabase::start(configure).unwrap()
}

fn reload(pooled: &mut PooledDatabase, configure: impl FnOnce(&mut PoolerConfig)) {
    pooled.reloaded(configure).unwrap();
}

/// A tenant of its own beside the usual one: the superuser's.
fn globex() -> String {
    let port = Cluster::shared().map_or(1, Cluster::port);
    format!(
        "[[tenant]]\nname = \"globex\"\n[[tenant.endpoint]]\nhost = \"127.0.0.1\"\nport = {port}\n\
         [[tenant.user]]\nname = \"{SUPERUSER}\"\nsecret = \"{SUPERUSER_PASSWORD}\"\n"
    )
}

fn of_globex(pooled: &PooledDatabase) -> wire::Login {
    let user = format!("{SUPERUSER}.globex");
    let mut login = pooled
        .login()
        .as_user(&user)
        .with_password(SUPERUSER_PASSWORD);
    SUPERUSER.clone_into(&mut login.database);
    login
}

fn from(pooled: &PooledDatabase, address: &str) -> wire::Login {
    pooled.login().behind(proxied(address).unwrap())
}

#[test]
fn allowlist_change_closes_live() {
    let behind = |config: &mut PoolerConfig| config.listener = BEHIND_A_BALANCER.to_owned();
    let Some(mut pooled) = start(behind) else {
        return;
    };
    let connect = |address: &str| Wire::connect(&from(&pooled, address)).unwrap();
    let (mut stays, mut goes) = (connect("203.0.113.7"), connect("198.51.100.7"));
    let (mut stays_busy, mut goes_busy) = (connect("203.0.113.7"), connect("198.51.100.8"));
    let table = "begin; create table if not exists busy (id int); insert into busy values (1)";
    goes_busy.query(table).unwrap();
    stays_busy.query("begin").unwrap();

    reload(&mut pooled, |config| {
        config.tenant = "network.allow = [\"203.0.113.0/24\"]".to_owned();
    });
    for gone in [&mut goes, &mut goes_busy] {
        let farewell = gone.farewell().unwrap();
        assert_eq!(
            (&*farewell.severity, &*farewell.sqlstate),
            ("FATAL", "28000")
        );
        assert_eq!(
            farewell.message,
            "connections from this address are no longer allowed"
        );
        assert_eq!(gone.until_closed().unwrap(), []);
    }
    assert_eq!(stays.query("select 1").unwrap(), "1");
    stays_busy.query("commit").unwrap();
    // What it had begun is not done.
    assert_eq!(
        stays.query("select to_regclass('busy') is null").unwrap(),
        "t"
    );
    let refused = Wire::connect(&from(&pooled, "198.51.100.7")).unwrap_err();
    assert_eq!(refused.sqlstate(), "28000", "{refused}");

    reload(&mut pooled, |config| {
        config.tenant = "network.allow = []".to_owned();
    });
    assert_eq!(stays.farewell().unwrap().sqlstate, "28000");
    reload(&mut pooled, |config| config.tenant.clear());
    Wire::connect(&from(&pooled, "198.51.100.7")).unwrap();
}

#[test]
fn a_private_endpoint_that_is_no_longer_listed_closes_who_came_through_it() {
    let listed = |ids: &str| format!("network.private_endpoints = [{ids}]");
    let behind = |config: &mut PoolerConfig| {
        config.listener = BEHIND_A_BALANCER.to_owned();
        config.tenant =
            listed("{ cloud = \"aws\", id = \"vpce-1\" }, { cloud = \"gcp\", id = \"2\" }");
    };
    let Some(mut pooled) = start(behind) else {
        return;
    };
    let through = |cloud: &str, id: &str| {
        let header = proxied_through("10.1.2.3", cloud, id).unwrap();
        Wire::connect(&pooled.login().behind(header)).unwrap()
    };
    let (mut stays, mut goes) = (through("aws", "vpce-1"), through("gcp", "2"));
    let mut without = Wire::connect(&from(&pooled, "10.1.2.3")).unwrap();
    reload(&mut pooled, |config| {
        config.tenant = listed("{ cloud = \"aws\", id = \"vpce-1\" }");
    });
    assert_eq!(goes.farewell().unwrap().sqlstate, "28000");
    assert_eq!(stays.query("select 1").unwrap(), "1");
    assert_eq!(without.query("select 1").unwrap(), "1");
}

#[test]
fn a_network_that_is_shut_out_in_the_middle_of_a_query_is_cut_off_and_its_query_cancelled() {
    let Some(mut pooled) = start(|_| {}) else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    client
        .send(&wire::query("select pg_sleep(600)").unwrap())
        .unwrap();
    let sleeping = "select count(*) from pg_stat_activity \
                    where datname = current_database() and wait_event = 'PgSleep'";
    let asleep = |count: &str| {
        polling::until_true("sleepers", LIMIT, || {
            pooled.admin(sleeping).unwrap() == count
        })
    };
    asleep("1").unwrap();
    pooled
        .reload(|config| config.tenant = "network.deny = [\"127.0.0.0/8\"]".to_owned())
        .unwrap();
    assert_eq!(client.farewell().unwrap().sqlstate, "28000");
    let asleep = || pooled.admin(sleeping).unwrap() == "0";
    polling::until_true("nobody asleep", LIMIT, asleep).unwrap();
}

#[test]
fn a_client_that_logs_in_while_its_network_is_shut_out_is_cut_off_too() {
    let Some(mut pooled) = start(|config| config.more = globex()) else {
        return;
    };
    let (login, of_globex) = (pooled.login(), of_globex(&pooled));
    let mut logging_in: Vec<Wire> = (0..8).map(|_| Wire::announce(&login).unwrap()).collect();
    for client in &mut logging_in {
        // It was admitted, and is asked for its password.
        client.until_answered().unwrap();
    }
    let mut elsewhere = Wire::announce(&of_globex).unwrap();
    elsewhere.until_answered().unwrap();
    reload(&mut pooled, |config| {
        config.tenant = "network.allow = []".to_owned();
    });
    for mut client in logging_in {
        let error = client.prove(&login).unwrap_err();
        assert_eq!(error.sqlstate(), "28000", "{error}");
    }
    elsewhere.prove(&of_globex).unwrap();
}

#[test]
fn a_broken_file_leaves_everything_running_and_says_why() {
    let Some(mut pooled) = start(|_| {}) else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    client.query("begin").unwrap();
    let refusals = |pooled: &PooledDatabase| {
        let lines = pooled.pooler.log_lines();
        lines
            .into_iter()
            .filter(|line| line.contains("reload refused"))
            .collect::<Vec<_>>()
    };
    let broken: [(&str, Change); 4] = [
        ("network.allow", |config| {
            config.tenant = "network.allow = [\"10.0.0.0/8\", \"10.0.0.0/33\"]".to_owned();
        }),
        ("pool_size", |config| {
            config.pool = "pool_size = \"many\"".to_owned();
        }),
        ("nonsense", |config| config.node = "nonsense = 1".to_owned()),
        ("tidegate.toml:", |config| {
            config.more = "[[tenant".to_owned();
        }),
    ];
    for (word, breaking) in broken {
        let before = refusals(&pooled).len();
        pooled
            .reload(|config| {
                *config = PoolerConfig::default();
                breaking(config);
            })
            .unwrap();
        let new = || Ok(refusals(&pooled).get(before).cloned());
        let line = polling::until("a refused reload", LIMIT, new).unwrap();
        assert!(
            line.contains("tidegate.toml:") && line.contains(word),
            "{line}"
        );
        assert_eq!(client.query("select 1").unwrap(), "1");
        assert_eq!(pooled.connect().unwrap().query("select 2").unwrap(), "2");
    }
    client.query("commit").unwrap();
    // A file that is gone is a broken one.
    let path = pooled.pooler.folder().join("tidegate.toml");
    let before = refusals(&pooled).len();
    fs::remove_file(path).unwrap();
    pooled.pooler.process().signal(StopSignal::Reload).unwrap();
    polling::until_true("a refused reload", LIMIT, || {
        refusals(&pooled).len() > before
    })
    .unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
}

#[test]
fn a_larger_pool_serves_those_who_wait_and_a_smaller_one_lets_servers_go() {
    let Some(mut pooled) = start(|config| config.pool = "pool_size = 1".to_owned()) else {
        return;
    };
    let (mut first, mut second) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    first.query("begin").unwrap();
    second
        .send(&wire::query("select 'served'").unwrap())
        .unwrap();
    second.until_read().unwrap();
    reload(&mut pooled, |config| {
        config.pool = "pool_size = 2".to_owned();
    });
    assert_eq!(second.rows().unwrap(), "served");
    first.query("commit").unwrap();

    reload(&mut pooled, |config| {
        config.pool = "pool_size = 1".to_owned();
    });
    first.query("begin").unwrap();
    second
        .send(&wire::query("select 'waited'").unwrap())
        .unwrap();
    first.query("commit").unwrap();
    assert_eq!(second.rows().unwrap(), "waited");
}

#[test]
fn a_changed_server_secret_is_for_new_servers_and_no_client_notices() {
    let Some(mut pooled) = start(|config| config.pool = "pool_size = 2".to_owned()) else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    client.query("begin").unwrap();
    let before = client.query("select pg_backend_pid()").unwrap();
    let user = pooled.database.user.clone();
    pooled
        .admin(&format!("alter role {user} password 'another'"))
        .unwrap();
    reload(&mut pooled, |config| {
        config.user = "server_secret = \"another\"".to_owned();
    });
    assert_eq!(client.query("select pg_backend_pid()").unwrap(), before);
    client.query("commit").unwrap();
    assert_ne!(client.query("select pg_backend_pid()").unwrap(), before);
    // What the client shows is what it always showed.
    assert_eq!(pooled.connect().unwrap().query("select 1").unwrap(), "1");
}

#[test]
fn a_changed_password_is_for_new_logins() {
    let Some(mut pooled) = start(|_| {}) else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    let server_secret = format!("server_secret = \"{}\"", pooled.database.password);
    reload(&mut pooled, |config| {
        config.secret = Some("\"changed\"".to_owned());
        config.user = server_secret;
    });
    assert_eq!(client.query("select 1").unwrap(), "1");
    assert_eq!(pooled.connect().unwrap_err().sqlstate(), "28P01");
    let changed = pooled.login().with_password("changed");
    assert_eq!(
        Wire::connect(&changed).unwrap().query("select 1").unwrap(),
        "1"
    );
}

#[test]
fn a_tenant_that_is_removed_loses_its_clients_and_its_servers_and_the_others_do_not() {
    let Some(mut pooled) = start(|config| config.more = globex()) else {
        return;
    };
    let login = of_globex(&pooled).with("application_name", "of globex");
    let (mut stays, mut goes) = (pooled.connect().unwrap(), Wire::connect(&login).unwrap());
    goes.query("set application_name = 'of globex'; select 1")
        .unwrap();
    let key = goes.cancel_request().unwrap();
    reload(&mut pooled, |config| config.more.clear());
    let farewell = goes.farewell().unwrap();
    assert_eq!(farewell.sqlstate, "28000");
    assert_eq!(farewell.message, "this tenant is no longer served here");
    assert_eq!(stays.query("select 1").unwrap(), "1");
    let refused = Wire::connect(&login).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("tenant \"globex\" admits no connection"),
        "{refused}"
    );
    let mut cancel = Wire::open(login.address).unwrap();
    cancel.send(&key).unwrap();
    cancel.until_closed().unwrap();
    let servers = "select count(*) from pg_stat_activity where application_name = 'of globex'";
    let none = || pooled.admin(servers).unwrap() == "0";
    polling::until_true("no server of globex", LIMIT, none).unwrap();

    reload(&mut pooled, |config| config.more = globex());
    assert_eq!(
        Wire::connect(&login).unwrap().query("select 3").unwrap(),
        "3"
    );
}

/// What psql says of the certificate that it is shown, if only this authority will do.
fn psql_trusting(
    psql: &Binaries,
    pooled: &PooledDatabase,
    authority: &str,
) -> Result<String, String> {
    let path = pooled.pooler.folder().join("root.crt");
    fs::write(&path, authority).unwrap();
    let verify = format!("sslmode=verify-full sslrootcert={}", path.display());
    let dsn = pooled.dsn().replace("sslmode=disable", &verify);
    psql.psql(&dsn, "select 1")
        .map_err(|failure| failure.to_string())
}

#[test]
fn certificates_are_reloaded_without_a_restart_and_broken_ones_are_not() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let Some(psql) = skip::unless(Version::Distribution.binaries()) else {
        return skip::tell("psql with TLS");
    };
    let (old, new) = (Authority::new().unwrap(), Authority::new().unwrap());
    let folder = Folder::new().unwrap();
    let place = folder.path().to_owned();
    let install = |authority: &Authority| {
        let pair = authority.server(&["127.0.0.1"]).unwrap();
        fs::write(place.join("server.crt"), pair.certificate_pem).unwrap();
        fs::write(place.join("server.key"), pair.key_pem).unwrap();
    };
    install(&old);
    let config = PoolerConfig {
        listener: "tls = \"require\"\ntls_certificates = \
                   [{ certificate = \"server.crt\", key = \"server.key\" }]"
            .to_owned(),
        ..PoolerConfig::default()
    };
    let database = cluster.database().unwrap();
    let mut pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
    assert_eq!(
        psql_trusting(&psql, &pooled, &old.certificate_pem()).unwrap(),
        "1"
    );

    fs::write(place.join("server.key"), "not a key").unwrap();
    pooled.reload(|_| {}).unwrap();
    let line = pooled.pooler.wait_for_log("reload refused").unwrap();
    assert!(line.contains("server.key"), "{line}");
    assert_eq!(
        psql_trusting(&psql, &pooled, &old.certificate_pem()).unwrap(),
        "1"
    );

    install(&new);
    reload(&mut pooled, |_| {});
    assert_eq!(
        psql_trusting(&psql, &pooled, &new.certificate_pem()).unwrap(),
        "1"
    );
    let refused = psql_trusting(&psql, &pooled, &old.certificate_pem()).unwrap_err();
    assert!(refused.contains("SSL error"), "{refused}");
}

#[test]
fn what_only_a_restart_can_change_stays_and_is_said() {
    let Some(mut pooled) = start(|_| {}) else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    reload(&mut pooled, |config| {
        config.node = "region = \"elsewhere\"".to_owned();
        config.tenant = "max_client_conn = 2".to_owned();
    });
    let line = pooled.pooler.wait_for_log("needs a restart").unwrap();
    assert!(line.contains("node: region"), "{line}");
    pooled
        .pooler
        .wait_for_log("tenant acme: max_client_conn")
        .unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
    let _second = pooled.connect().unwrap();
    assert_eq!(pooled.connect().unwrap_err().sqlstate(), "53300");
}

#[test]
fn a_user_that_is_removed_loses_its_sessions_and_nobody_else_does() {
    let leaver = |config: &mut PoolerConfig| {
        let row = "[[tenant.user]]\nname = \"leaver\"\nsecret = \"pencil\"\n";
        let server =
            format!("server_user = \"{SUPERUSER}\"\nserver_secret = \"{SUPERUSER_PASSWORD}\"\n");
        config.more = format!("{row}{server}");
    };
    let Some(mut pooled) = start(leaver) else {
        return;
    };
    let login = pooled.login().as_user("leaver").with_password("pencil");
    let connect = || Wire::connect(&login).unwrap();
    let (mut idle, mut busy, mut stays) = (connect(), connect(), pooled.connect().unwrap());
    idle.query("select 1").unwrap();
    for client in [&mut busy, &mut stays] {
        client.query("begin").unwrap();
    }
    reload(&mut pooled, |config| config.more.clear());
    for gone in [&mut idle, &mut busy] {
        let farewell = gone.farewell().unwrap();
        let (severity, sqlstate) = (&*farewell.severity, &*farewell.sqlstate);
        assert_eq!((severity, sqlstate), ("FATAL", "28000"), "{farewell}");
    }
    assert_eq!(Wire::connect(&login).unwrap_err().sqlstate(), "28P01");
    stays.query("commit").unwrap();
    // Nothing of the user is left on the server either.
    let servers = format!(
        "select count(*) from pg_stat_activity where usename = '{SUPERUSER}' and datname = current_database() and pid <> pg_backend_pid()"
    );
    let is_gone = || pooled.admin(&servers).unwrap() == "0";
    polling::until_true("its servers to go", LIMIT, is_gone).unwrap();
}

#[test]
fn a_tenant_that_loses_its_primary_but_should_keep_servers_harms_nobody() {
    let configure = |config: &mut PoolerConfig| {
        config.pool = "min_pool_size = 1".to_owned();
        config.more = globex();
    };
    let Some(mut pooled) = start(configure) else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
    reload(&mut pooled, |config| {
        config.endpoint = "role = \"replica\"".to_owned();
    });
    let mut other = Wire::connect(&of_globex(&pooled)).unwrap();
    for _ in 0..3 {
        let told = match pooled.connect() {
            Ok(mut again) => again.query("select 1").unwrap_err(),
            Err(told) => told,
        };
        assert!(told.to_string().contains("no primary"), "{told}");
        assert_eq!(other.query("select pg_sleep(0.3)").unwrap(), "");
    }
    // A worker that tried as often as it could would do nothing else.
    let log = pooled.pooler.log_lines();
    let tries = log
        .iter()
        .filter(|line| line.contains("could not be opened"));
    let tries = tries.count();
    assert!((1..100).contains(&tries), "{tries} tries");
}
