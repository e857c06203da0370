//! Standbys that fall behind, die, come back and take over.
#![cfg(test)]

use std::thread;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::ClusterOptions;
use tidegate_harness::DelayingRelay;
use tidegate_harness::StopSignal;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;

const LIMIT: Duration = Duration::from_mins(1);

/// A primary with a table `kept`, and so many standbys.
fn replicated<const COUNT: usize>() -> Option<(Cluster, [Cluster; COUNT])> {
    let Some(primary) = skip::unless(Cluster::start(Version::under_test())) else {
        skip::tell("PostgreSQL");
        return None;
    };
    primary.psql("create table kept (number int)").unwrap();
    let standbys = [(); COUNT].map(|()| primary.standby().unwrap());
    Some((primary, standbys))
}

fn keep(primary: &Cluster, number: u32) {
    primary
        .psql(&format!("insert into kept values ({number})"))
        .unwrap();
}

fn kept(cluster: &Cluster) -> String {
    cluster
        .psql("select string_agg(number::text, ' ' order by number) from kept")
        .unwrap()
}

#[test]
fn a_paused_standby_shows_nothing_new_until_it_goes_on() {
    let Some((primary, [standby])) = replicated() else {
        return;
    };
    standby.catch_up(&primary).unwrap();
    standby.pause_replay().unwrap();
    keep(&primary, 1);
    primary.psql("checkpoint").unwrap();
    let written = primary.psql("select pg_current_wal_flush_lsn()").unwrap();
    let sql = format!("select pg_last_wal_receive_lsn() >= '{written}'");
    let received = || standby.psql(&sql).unwrap() == "t";
    polling::until_true("the standby to receive it", LIMIT, received).unwrap();
    assert_eq!(kept(&standby), "");
    standby.resume_replay().unwrap();
    standby.catch_up(&primary).unwrap();
    assert_eq!(kept(&standby), "1");
}

#[test]
fn a_standby_with_a_delay_shows_what_is_new_later() {
    let Some((primary, [standby])) = replicated() else {
        return;
    };
    standby.delay_replay(Duration::from_secs(5)).unwrap();
    let is_set = || standby.psql("show recovery_min_apply_delay").unwrap() == "5s";
    polling::until_true("the setting", LIMIT, is_set).unwrap();
    keep(&primary, 1);
    assert_eq!(kept(&standby), "");
    polling::until_true("what is new", LIMIT, || kept(&standby) == "1").unwrap();
    standby.delay_replay(Duration::ZERO).unwrap();
}

#[test]
fn a_standby_that_was_killed_or_stopped_comes_back_at_its_port_and_follows() {
    let Some((primary, [mut standby])) = replicated() else {
        return;
    };
    let port = standby.port();
    let signals = [
        StopSignal::Kill,
        StopSignal::Interrupt,
        StopSignal::Quit,
        StopSignal::Kill,
    ];
    for (number, signal) in (1..).zip(signals) {
        standby.halt(signal).unwrap();
        assert!(standby.psql("select 1").is_err());
        keep(&primary, number);
        standby.start_again().unwrap();
        standby.catch_up(&primary).unwrap();
    }
    assert_eq!(standby.port(), port);
    assert_eq!(kept(&standby), "1 2 3 4");
}

#[test]
fn a_server_that_is_killed_is_gone_with_its_busy_backends() {
    let Some((primary, [mut standby])) = replicated() else {
        return;
    };
    // It would see that its postmaster is gone only when it waits for something.
    let busy = "select count(*) from generate_series(1, 1000000000) n where n % 2 = 0";
    let (folder, port) = (standby.socket_folder().display(), standby.port());
    let dsn = format!("host={folder} port={port} user=postgres dbname=postgres");
    let active = "select count(*) from pg_stat_activity where query like '%n % 2%' \
                  and state = 'active' and pid <> pg_backend_pid()";
    thread::scope(|scope| {
        let busy = scope.spawn(|| primary.binaries().psql(&dsn, busy));
        let is_busy = || standby.psql(active).unwrap() == "1";
        polling::until_true("a busy backend", LIMIT, is_busy).unwrap();
        standby.halt(StopSignal::Kill).unwrap();
        busy.join().unwrap().unwrap_err();
    });
    standby.start_again().unwrap();
    assert_eq!(kept(&standby), "");
}

#[test]
fn after_a_promotion_siblings_and_the_old_primary_follow_the_new_one() {
    let Some((mut old, [new, sibling])) = replicated() else {
        return;
    };
    keep(&old, 1);
    sibling.pause_replay().unwrap();
    old.halt(StopSignal::Interrupt).unwrap();
    new.promote().unwrap();
    assert_eq!(kept(&new), "1");
    keep(&new, 2);
    sibling.follow(&new).unwrap();
    sibling.resume_replay().unwrap();
    sibling.catch_up(&new).unwrap();
    assert_eq!(kept(&sibling), "1 2");
    let port = old.port();
    old.rejoin(&new).unwrap();
    keep(&new, 3);
    old.catch_up(&new).unwrap();
    assert_eq!(kept(&old), "1 2 3");
    assert_eq!(old.psql("select pg_is_in_recovery()").unwrap(), "t");
    assert_eq!(old.port(), port);
}

#[test]
fn a_standby_from_afar_gets_nothing_while_its_way_is_cut() {
    // A checkpoint removes what nobody follows at that moment.
    let options = ClusterOptions {
        settings: "wal_keep_size = '256MB'\n",
        ..ClusterOptions::default()
    };
    let Some(mut old) = skip::unless(Cluster::start_with(Version::under_test(), &options)) else {
        return;
    };
    old.psql("create table kept (number int)").unwrap();
    let new = old.standby().unwrap();
    let way = |cluster: &Cluster| DelayingRelay::to(cluster.port(), Duration::ZERO).unwrap();
    let to_old = way(&old);
    let far = old.standby_over(to_old.port()).unwrap();
    keep(&old, 1);
    far.catch_up(&old).unwrap();
    to_old.cut().unwrap();
    keep(&old, 2);
    new.catch_up(&old).unwrap();
    assert_eq!([kept(&new), kept(&far)], ["1 2", "1"]);
    to_old.restore().unwrap();
    far.catch_up(&old).unwrap();
    assert_eq!(kept(&far), "1 2");

    old.halt(StopSignal::Interrupt).unwrap();
    new.promote().unwrap();
    let (to_new, also_to_new) = (way(&new), way(&new));
    far.follow_over(to_new.port()).unwrap();
    old.rejoin_over(also_to_new.port()).unwrap();
    for standby in [&far, &old] {
        standby.catch_up(&new).unwrap();
    }
    for relay in [&to_new, &also_to_new] {
        relay.cut().unwrap();
    }
    keep(&new, 3);
    assert_eq!([&new, &far, &old].map(kept), ["1 2 3", "1 2", "1 2"]);
}
