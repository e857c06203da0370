//! What can go wrong while programs are found, started, asked and stopped.
//!
//! `Debug` prints the same text as `Display` with its causes, so that `unwrap` in a test shows
//! what the program said.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::wire::WireError;

/// The reason why the harness could not do what it was asked.
#[derive(thiserror::Error)]
pub enum Failure {
    /// A program that the machine does not have.
    #[error("{program} was not found; `cargo xtask test` installs it")]
    Missing {
        /// Its name.
        program: String,
    },
    /// A program could not be started, or a file of it not be written.
    #[error("cannot {action}")]
    Io {
        /// What was tried, for example "start haproxy".
        action: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("{command} ended with {status}:\n{output}")]
    Exited {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// Both of its outputs.
        output: String,
    },
    /// A program that should run ended by itself.
    #[error("{program} ended with {status}; its log:\n{log}")]
    Died {
        /// Its name.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Everything it logged.
        log: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {limit:?}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// A client of our own was refused, or its connection broke.
    #[error("a client had no answer")]
    Wire(#[from] WireError),
    /// An answer that makes no sense, such as a version that is no number.
    #[error("{0}")]
    Unexpected(String),
    /// A folder that the servers' account cannot reach.
    #[error("{} cannot be reached by the account that runs the servers", .0.display())]
    Unreachable(PathBuf),
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
}

impl Failure {
    /// Names the action that an I/O error stopped: `.map_err(Failure::io("write the config"))`.
    pub fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action: action.into(),
            source,
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
