//! The harness itself: clusters of both versions start, answer, stop and leave nothing.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use tidegate_harness::Authority;
use tidegate_harness::Cluster;
use tidegate_harness::ClusterOptions;
use tidegate_harness::Database;
use tidegate_harness::StopSignal;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;

/// Runs a check on each version that is installed, and says which are not.
fn on_every_version(check: impl Fn(Version, Cluster)) {
    for version in Version::ALL {
        match skip::unless(Cluster::start(version)) {
            Some(cluster) => check(version, cluster),
            None => skip::tell(&format!("PostgreSQL ({})", version.as_str())),
        }
    }
}

fn is_running(pid: u32) -> bool {
    // A process that has ended but was not yet taken note of by its parent is a zombie.
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = status.lines().find(|line| line.starts_with("State:"));
    state.is_some_and(|state| !state.contains('Z'))
}

#[test]
fn a_cluster_of_each_version_answers_with_its_version() {
    on_every_version(|_, cluster| {
        let major = cluster.binaries().major();
        let number: u32 = cluster
            .psql("show server_version_num")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(number / 10_000, major);
    });
}

#[test]
fn a_stopped_cluster_leaves_no_process_and_no_folder() {
    on_every_version(|_, mut cluster| {
        let pids: Vec<u32> = cluster
            .psql("select pid from pg_stat_activity union select pg_backend_pid()")
            .map(|rows| rows.lines().map(|row| row.parse().unwrap()).collect())
            .unwrap();
        assert!(pids.len() > 3, "{pids:?}");
        let (server, folder) = (cluster.process().pid(), cluster.socket_folder().to_owned());
        cluster.stop().unwrap();
        assert!(!is_running(server));
        let gone = || !pids.iter().any(|pid| is_running(*pid));
        polling::until_true("the end of the backends", Duration::from_secs(30), gone).unwrap();
        assert!(!folder.exists());
    });
}

#[test]
fn a_database_is_open_to_its_user_and_its_password_only() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let (first, second) = (cluster.database().unwrap(), cluster.database().unwrap());
    assert_ne!(first, second);
    let binaries = cluster.binaries();
    let who = binaries.psql(&first.dsn(), "select current_user, current_database()");
    assert_eq!(who.unwrap(), format!("{}|{}", first.user, first.name));
    let stranger = Database {
        password: "wrong".to_owned(),
        ..first
    };
    let refused = binaries
        .psql(&stranger.dsn(), "select 1")
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
}

#[test]
fn a_failing_statement_is_a_failure_with_its_sqlstate() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let failure = cluster.psql("select 1/0").unwrap_err().to_string();
    assert!(failure.contains("22012: division by zero"), "{failure}");
}

#[test]
fn pgbench_reports_its_transactions() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let dsn = cluster.database().unwrap().dsn();
    let binaries = cluster.binaries();
    binaries.pgbench(&dsn, &["-i", "-q", "-s", "1"]).unwrap();
    let report = binaries
        .pgbench(&dsn, &["-S", "-c", "2", "-t", "50", "-M", "extended"])
        .unwrap();
    assert!(report.contains("actually processed: 100/100"), "{report}");
}

#[test]
fn a_cluster_takes_settings_rules_and_a_certificate() {
    if !Version::Distribution
        .binaries()
        .is_ok_and(|_| Version::Distribution.can_do_tls())
    {
        skip::tell("PostgreSQL with TLS");
        return;
    }
    let authority = Authority::new().unwrap();
    let pair = authority.server(&["localhost", "127.0.0.1"]).unwrap();
    let options = ClusterOptions {
        settings: "work_mem = '7MB'\n",
        hba: "hostssl all everyone 127.0.0.1/32 trust\n",
        tls: Some(&pair),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start_with(Version::Distribution, &options).unwrap();
    cluster.psql("create role everyone login").unwrap();
    let root = cluster.socket_folder().join("root.crt");
    fs::write(&root, authority.certificate_pem()).unwrap();
    let dsn = format!(
        "host=127.0.0.1 port={} user=everyone dbname=postgres sslmode=verify-full sslrootcert={}",
        cluster.port(),
        root.display()
    );
    let sql = "select ssl, current_setting('work_mem') from pg_stat_ssl \
               where pid = pg_backend_pid()";
    assert_eq!(cluster.binaries().psql(&dsn, sql).unwrap(), "t|7MB");
}

#[test]
fn a_server_that_dies_is_noticed_with_its_log() {
    let Some(version) = Version::installed().first().copied() else {
        return skip::tell("PostgreSQL");
    };
    let bad = ClusterOptions {
        settings: "work_mem = 'much'\n",
        ..ClusterOptions::default()
    };
    let failure = Cluster::start_with(version, &bad).unwrap_err().to_string();
    assert!(failure.contains("postgres ended with"), "{failure}");
    assert!(failure.contains("work_mem"), "{failure}");
}

#[test]
fn a_killed_server_ends_its_wait() {
    let Some(version) = Version::installed().first().copied() else {
        return skip::tell("PostgreSQL");
    };
    let mut cluster = Cluster::start(version).unwrap();
    assert_eq!(cluster.process().ended().unwrap(), None);
    cluster.process().signal(StopSignal::Kill).unwrap();
    let status = cluster.process().wait(Duration::from_secs(30)).unwrap();
    assert!(!status.success());
    assert!(cluster.psql("select 1").is_err());
    assert!(Path::new(cluster.socket_folder()).exists());
}
