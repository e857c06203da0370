//! A process that is told to go: who may finish, who is told why, and when it is gone.
#![cfg(test)]

use std::time::Duration;

use tidegate_harness::PooledDatabase;
use tidegate_harness::PoolerConfig;
use tidegate_harness::StopSignal;
use tidegate_harness::wire::Wire;

const LIMIT: Duration = Duration::from_mins(1);

/// Waits for its clients without a limit.
fn patient(config: &mut PoolerConfig) {
    config.node = "shutdown_timeout = 0".to_owned();
}

fn assert_told_to_go(client: &mut Wire) {
    let farewell = client.farewell().unwrap();
    assert_eq!(
        (&*farewell.severity, &*farewell.sqlstate),
        ("FATAL", "57P01"),
        "{farewell}"
    );
}

#[test]
fn a_transaction_is_finished_before_its_client_is_told_to_go() {
    let Some(mut pooled) = PooledDatabase::start(patient).unwrap() else {
        return;
    };
    let (mut idle, mut busy) = (pooled.connect().unwrap(), pooled.connect().unwrap());
    busy.query("begin; create table finished (id int)").unwrap();
    pooled
        .pooler
        .process()
        .signal(StopSignal::Terminate)
        .unwrap();
    assert_told_to_go(&mut idle);
    // It waits: there is no limit.
    busy.query("insert into finished values (1)").unwrap();
    busy.query("commit").unwrap();
    assert_told_to_go(&mut busy);
    assert!(pooled.pooler.process().wait(LIMIT).unwrap().success());
    assert_eq!(pooled.admin("select count(*) from finished").unwrap(), "1");
    pooled.connect().unwrap_err();
}

#[test]
fn a_client_that_was_logging_in_is_told_to_go_too() {
    let Some(mut pooled) = PooledDatabase::start(patient).unwrap() else {
        return;
    };
    // Its worker stays as long as this one is in a transaction; so does that of the same pool.
    let mut busy = pooled.connect().unwrap();
    busy.query("begin").unwrap();
    let login = pooled.login();
    let mut coming: Vec<Wire> = (0..4).map(|_| Wire::announce(&login).unwrap()).collect();
    for client in &mut coming {
        client.until_answered().unwrap();
    }
    pooled
        .pooler
        .process()
        .signal(StopSignal::Terminate)
        .unwrap();
    pooled.pooler.wait_for_log("shutting down").unwrap();
    for mut client in coming {
        // Those at a worker that has gone already are cut off, the others hear why.
        if client.prove(&login).is_ok() {
            assert_told_to_go(&mut client);
        }
    }
    busy.query("commit").unwrap();
    assert_told_to_go(&mut busy);
    assert!(pooled.pooler.process().wait(LIMIT).unwrap().success());
}

#[test]
fn a_second_signal_and_sigquit_do_not_wait() {
    for signals in [
        &[StopSignal::Terminate, StopSignal::Interrupt][..],
        &[StopSignal::Quit],
    ] {
        let Some(mut pooled) = PooledDatabase::start(patient).unwrap() else {
            return;
        };
        let mut busy = pooled.connect().unwrap();
        busy.query("begin").unwrap();
        for signal in signals {
            pooled.pooler.process().signal(*signal).unwrap();
            if signals.len() > 1 {
                pooled.pooler.wait_for_log("shutting down").unwrap();
            }
        }
        pooled.pooler.process().wait(LIMIT).unwrap();
        busy.query("select 1").unwrap_err();
    }
}
