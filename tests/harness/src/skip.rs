//! What a test does when the machine lacks what it needs.
//!
//! By itself it says so on the real standard error (a passing test's `eprintln!` is swallowed) and
//! passes. Under `cargo xtask test`, which installs what is needed, a lack is a failure: a test
//! that is skipped by mistake must not look like one that passed.

use std::env;
use std::io::Write;

use crate::failure::Failure;
use crate::tools;
use crate::version::Version;

/// Names what must be there, as [`promise`] does. A test that needs one of these and does not find
/// it panics.
pub const REQUIRED_VARIABLE: &str = "TIDEGATE_TEST_REQUIRES";

/// How every line about a skipped test begins.
pub const SKIPPED: &str = "SKIPPED";

const SEPARATOR: &str = ";";

/// The value of [`REQUIRED_VARIABLE`] that promises a test what this machine has now.
pub fn promise() -> String {
    let versions = Version::ALL
        .into_iter()
        .filter_map(|version| name(version.binaries()));
    let others = [
        name(tools::haproxy()),
        name(tools::python()),
        name(tools::node()),
        name(tools::java()),
        name(tools::patroni()),
    ];
    let missing: Vec<String> = versions.chain(others.into_iter().flatten()).collect();
    let all = Version::ALL.map(Version::program).into_iter().chain([
        tools::HAPROXY,
        tools::PYTHON,
        tools::NODE,
        tools::JAVA,
        tools::PATRONI,
    ]);
    let present: Vec<&str> = all
        .filter(|name| !missing.iter().any(|lack| lack == name))
        .collect();
    present.join(SEPARATOR)
}

/// The name of what a failure says is missing.
fn name<T>(result: Result<T, Failure>) -> Option<String> {
    match result {
        Err(Failure::Missing { program }) => Some(program),
        Ok(_) | Err(_) => None,
    }
}

/// The value, or `None` if the program for it is missing and nobody promised it.
///
/// # Panics
/// On any other failure, and when [`REQUIRED_VARIABLE`] is set to the program's name.
#[expect(
    clippy::panic,
    reason = "called by tests only, for which a panic is the way to fail"
)]
pub fn unless<T>(result: Result<T, Failure>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Failure::Missing { program }) if !is_required(&program) => None,
        Err(failure) => panic!("{failure:?}"),
    }
}

/// Says which test is skipped and what it lacks. A test's thread is named after it.
pub fn tell(lacks: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Nothing else can be done for a reader whose standard error is closed.
    drop(writeln!(
        std::io::stderr(),
        "{SKIPPED} {test}: this machine has no {lacks}"
    ));
}

fn is_required(program: &str) -> bool {
    let required = env::var(REQUIRED_VARIABLE).unwrap_or_default();
    required.split(SEPARATOR).any(|name| name == program)
}
