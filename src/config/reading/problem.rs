//! What can be wrong with a configuration, one variant a fact, each with its cure.
//!
//! No variant ever carries a secret: values are quoted as they were written, before environment
//! variables were put in, and the values of secret settings not at all.

use tidegate_proto::scram::ScramError;

use crate::config::network_list::NetworkError;
use crate::config::reading::finding::Place;
use crate::limits::SECRET_BYTES_MAX;

/// One thing that is wrong, or doubtful; always the operator's to cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A file or a folder cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The text is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// No setting has this name here.
    #[error("unknown key{}", .suggestion.as_deref().map(|text| format!("; {text}")).unwrap_or_default())]
    UnknownKey {
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// A setting without a default is not given.
    #[error("required, but not given; for example: {example}")]
    Missing {
        /// A line that would do.
        example: String,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What the setting takes.
        expected: String,
        /// What stands there.
        found: &'static str,
    },
    /// A number or a duration outside its limits.
    #[error("{value} is out of range ({limits})")]
    OutOfRange {
        /// The value.
        value: String,
        /// The limits.
        limits: String,
    },
    /// Not one of the words of this setting.
    #[error("unknown value {value} ({words})")]
    UnknownWord {
        /// The value, quoted.
        value: String,
        /// The words there are.
        words: String,
    },
    /// Text in another form than this setting takes.
    #[error("{value} is not {expected}")]
    Malformed {
        /// The value, quoted.
        value: String,
        /// The form, with an example.
        expected: &'static str,
    },
    /// An entry of a list of networks.
    #[error("{value}: {error}")]
    Network {
        /// The entry, quoted.
        value: String,
        /// What is wrong with it.
        error: NetworkError,
    },
    /// An environment variable that is not set.
    #[error("the environment variable {name} is not set")]
    VariableUnset {
        /// Its name.
        name: String,
    },
    /// `${` that begins no name of a variable.
    #[error(
        "`${{` begins no reference to a variable; write ${{NAME}}, ${{NAME:-default}}, or $${{ for the characters themselves"
    )]
    VariableReference,
    /// A secret that is empty.
    #[error("the secret is empty")]
    SecretEmpty,
    /// A secret that no client could send.
    #[error("the secret contains a line end or a NUL; a file holds one line")]
    SecretNotOneLine,
    /// A secret longer than any client sends.
    #[error("the secret is longer than {SECRET_BYTES_MAX} bytes")]
    SecretTooLong,
    /// A secret that claims to be a SCRAM verifier. Taken for a password it would let in whoever
    /// reads the configuration.
    #[error("the secret begins like a SCRAM verifier, but is none: {0}")]
    SecretVerifier(ScramError),
    /// A SCRAM verifier where a password is needed.
    #[error("a SCRAM verifier cannot log in to a server; give the password")]
    SecretCannotLogIn,
    /// A file that should hold PEM does not.
    #[error("{path} holds no {expected} in PEM")]
    NotPem {
        /// The file.
        path: String,
        /// What should be in it.
        expected: &'static str,
    },
    /// A name given twice.
    #[error("the {what} {name:?} is already defined at {first}")]
    Duplicate {
        /// What has the name.
        what: &'static str,
        /// The name.
        name: String,
        /// Where it was defined first.
        first: Place,
    },
    /// A name that belongs to nothing.
    #[error("there is no {what} {name:?}{}", .suggestion.as_deref().map(|text| format!("; {text}")).unwrap_or_default())]
    Undefined {
        /// What should have the name.
        what: &'static str,
        /// The name.
        name: String,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// Settings that do not go together, or a setting that does nothing; the sentence says which.
    #[error("{0}")]
    Contradiction(&'static str),
    /// `min_pool_size` exceeds `pool_size`.
    #[error("min_pool_size {min_pool_size} exceeds pool_size {pool_size}")]
    PoolSizes {
        /// The lower.
        min_pool_size: u32,
        /// The upper.
        pool_size: u32,
    },
}

impl Problem {
    /// Whether it is about something that is written there, rather than about what is absent. After
    /// an error of syntax, what seems absent may only not have been understood.
    pub(in crate::config) fn is_about_what_is_written(&self) -> bool {
        !matches!(
            self,
            Self::Missing { .. }
                | Self::Undefined { .. }
                | Self::Duplicate { .. }
                | Self::Contradiction(_)
                | Self::PoolSizes { .. }
        )
    }
}
