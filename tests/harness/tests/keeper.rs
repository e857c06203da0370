//! The keeper: servers end when the process that started them is killed or interrupted.
//!
//! The test starts itself once more as the process that dies.
#![cfg(test)]

use std::env;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use tidegate_harness::Cluster;
use tidegate_harness::Version;
use tidegate_harness::polling;
use tidegate_harness::skip;

/// Set only in the process that is to die.
const DOOMED: &str = "TIDEGATE_KEEPER_TEST_DOOMED";
const GONE_LIMIT: Duration = Duration::from_mins(1);

/// Not a check by itself: it is what the doomed process runs.
#[test]
fn the_doomed_process_starts_a_cluster_and_waits() {
    if env::var_os(DOOMED).is_none() {
        return;
    }
    let version = *Version::installed().first().unwrap();
    let cluster = Cluster::start(version).unwrap();
    println!(
        "\nSTARTED {} {}",
        cluster.port(),
        cluster.socket_folder().display()
    );
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

fn start_doomed() -> (Child, u16, PathBuf) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        "--exact",
        "the_doomed_process_starts_a_cluster_and_waits",
        "--nocapture",
    ]);
    command
        .env(DOOMED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let line = lines.find(|line| line.starts_with("STARTED")).unwrap();
    let mut words = line.split(' ').skip(1);
    let port = words.next().unwrap().parse().unwrap();
    (child, port, PathBuf::from(words.next().unwrap()))
}

fn everything_goes_after(signal: &str) {
    if Version::installed().is_empty() {
        return skip::tell("PostgreSQL");
    }
    let (mut doomed, port, folder) = start_doomed();
    let server: u32 = fs::read_to_string(folder.join("data/postmaster.pid"))
        .unwrap()
        .lines()
        .next()
        .map(str::parse)
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    let kill = format!("kill -s {signal} {}", doomed.id());
    let kill = Command::new("sh").args(["-c", &kill]).status();
    assert!(kill.unwrap().success());
    doomed.wait().unwrap();
    let gone = || {
        let status = fs::read_to_string(format!("/proc/{server}/status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    };
    polling::until_true("the end of the orphaned server", GONE_LIMIT, gone).unwrap();
    let removed = || !folder.exists();
    polling::until_true("the end of its folder", GONE_LIMIT, removed).unwrap();
}

#[test]
fn a_killed_process_leaves_no_server_and_no_folder() {
    everything_goes_after("KILL");
}

#[test]
fn an_interrupted_process_leaves_no_server_and_no_folder() {
    everything_goes_after("INT");
}

#[test]
fn a_terminated_process_leaves_no_server_and_no_folder() {
    everything_goes_after("TERM");
}
