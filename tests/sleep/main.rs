//! Databases that sleep: who wakes them, how often, and when they are put to sleep again. With a
//! server that answers as the API of a platform does.
#![cfg(test)]

mod https;
mod machine;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Folder;
use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::polling;
use tidegate_harness::wire::Wire;

use crate::machine::Machine;

const LIMIT: Duration = Duration::from_mins(1);

const TOKEN: &str = "fm2-secret";

/// A database on a suspended machine, behind a Tidegate that may wake it.
fn sleeping(
    configure: impl FnOnce(&mut PoolerConfig, &Machine),
) -> Option<(Arc<Machine>, PooledDatabase)> {
    sleeping_at(|port| Machine::suspended(port, TOKEN), configure)
}

/// The same, on a machine that is made as told, for the Postgres at a port.
fn sleeping_at(
    make: impl FnOnce(u16) -> Arc<Machine>,
    configure: impl FnOnce(&mut PoolerConfig, &Machine),
) -> Option<(Arc<Machine>, PooledDatabase)> {
    let cluster = Cluster::shared()?;
    let database = cluster.database().unwrap();
    let machine = make(database.port);
    let (wake, suspend) = (machine.url("start"), machine.url("suspend"));
    let mut config = PoolerConfig {
        endpoint_port: Some(machine.port),
        tenant: format!(
            "[tenant.sleep]\nwake_url = \"{wake}\"\nsuspend_url = \"{suspend}\"\n\
             headers = [\"Authorization: Bearer {TOKEN}\"]\n"
        ),
        ..PoolerConfig::default()
    };
    configure(&mut config, &machine);
    let folder = Folder::new().unwrap();
    let pooled = PooledDatabase::with(cluster, database, config, folder).unwrap();
    Some((machine, pooled))
}

#[test]
fn ten_clients_at_once_wake_a_database_once() {
    let Some((machine, pooled)) = sleeping(|config, _| {
        config.tenant += "wake_body = '{\"why\":\"a client\"}'\n";
    }) else {
        return;
    };
    let told = thread::scope(|scope| {
        let clients: Vec<_> = (0..10)
            .map(|number| {
                let pooled = &pooled;
                scope.spawn(move || {
                    let mut client = pooled.connect().unwrap();
                    client.query(&format!("select {number}")).unwrap()
                })
            })
            .collect();
        let told = clients.into_iter().map(|client| client.join().unwrap());
        told.collect::<Vec<_>>()
    });
    let numbers: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(told, numbers);
    assert_eq!(machine.calls(), [r#"start {"why":"a client"}: 200 OK"#]);
}

#[test]
fn a_client_that_does_not_get_in_wakes_nothing() {
    let Some((machine, mut pooled)) = sleeping(|_, _| ()) else {
        return;
    };
    let wrong = pooled.login().with_password("wrong");
    let refused = Wire::connect(&wrong).unwrap_err();
    assert_eq!(refused.sqlstate(), "28P01", "{refused}");
    pooled
        .reloaded(|config| {
            config.tenant = format!("network.deny = [\"127.0.0.1\"]\n{}", config.tenant);
        })
        .unwrap();
    let refused = pooled.connect().unwrap_err();
    assert_eq!(refused.sqlstate(), "28000", "{refused}");
    assert_eq!(machine.calls(), Vec::<String>::new());
}

#[test]
fn it_is_put_to_sleep_when_nobody_is_there_and_woken_again() {
    let Some((machine, pooled)) = sleeping(|config, _| {
        config.tenant += "suspend_after = \"1s\"\n";
    }) else {
        return;
    };
    let mut client = pooled.connect().unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
    drop(client);
    let calls = || machine.calls().len();
    polling::until_true("a call", LIMIT, || calls() == 2).unwrap();
    let mut client = pooled.connect().unwrap();
    assert_eq!(client.query("select 2").unwrap(), "2");
    assert_eq!(
        machine.calls(),
        ["start : 200 OK", "suspend : 200 OK", "start : 200 OK"]
    );
}

#[test]
fn a_database_that_cannot_be_woken_is_an_error_in_time_and_the_log_says_why() {
    let Some((machine, pooled)) = sleeping(|config, machine| {
        machine.breaks();
        config.tenant += "wake_timeout = \"2s\"\n";
    }) else {
        return;
    };
    let refused = pooled.connect().unwrap_err();
    assert_eq!(refused.sqlstate(), "57P03", "{refused}");
    // After one second once more; the next would have been after two more.
    let calls = machine.calls();
    assert!((1..=2).contains(&calls.len()), "{calls:?}");
    let said = pooled.pooler.wait_for_log("could not be woken").unwrap();
    assert!(
        said.contains("503") && said.contains("no capacity"),
        "{said}"
    );
    assert!(!pooled.pooler.log_lines().join("\n").contains(TOKEN));
}

#[test]
fn it_is_woken_no_more_often_than_the_budget_allows() {
    let Some((machine, pooled)) = sleeping(|config, machine| {
        machine.breaks();
        config.tenant += "wakes_per_hour = 1\n";
    }) else {
        return;
    };
    let refused = pooled.connect().unwrap_err();
    assert_eq!(refused.sqlstate(), "57P03", "{refused}");
    assert!(refused.to_string().contains("woken 1 times"), "{refused}");
    assert_eq!(machine.calls().len(), 1);
}

#[test]
fn a_program_may_wake_it() {
    let Some((machine, pooled)) = sleeping(|config, _| {
        let program = r#"["/bin/sh", "-c", "echo acme >> woken"]"#;
        config.tenant = format!("[tenant.sleep]\nwake_command = {program}\n");
    }) else {
        return;
    };
    let told = thread::scope(|scope| {
        let client = scope.spawn(|| pooled.connect().unwrap().query("select 1").unwrap());
        let woken = pooled.pooler.folder().join("woken");
        polling::until_true("the program", LIMIT, || woken.exists()).unwrap();
        machine.start();
        client.join().unwrap()
    });
    assert_eq!(told, "1");
    assert_eq!(machine.calls(), Vec::<String>::new());
}
