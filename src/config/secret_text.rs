//! A secret as the configuration holds it.
//!
//! It must never be printed: `Debug` shows nothing, there is no `Display`, and the bytes are
//! overwritten when the last copy goes.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use tidegate_proto::scram::ScramSecret;
use zeroize::Zeroizing;

use crate::config::bounds::Bounds;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::reading::value::SettingValue;
use crate::config::reading::value::Value;
use crate::limits::SECRET_BYTES_MAX;

/// A password, a SCRAM verifier or a key, read from the value itself, a file or the environment.
#[derive(Clone)]
pub struct SecretText {
    text: Zeroizing<String>,
    /// What the text stands for, if it is a SCRAM verifier: read once, and not at every login.
    verifier: Option<Arc<ScramSecret>>,
}

impl SecretText {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self::from(Zeroizing::new(text))
    }

    /// The text itself; the caller must not print or keep it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The SCRAM verifier that the text is; `None` if it is something else, or a broken one.
    pub fn verifier(&self) -> Option<&ScramSecret> {
        self.verifier.as_deref()
    }
}

impl From<Zeroizing<String>> for SecretText {
    fn from(text: Zeroizing<String>) -> Self {
        let verifier = ScramSecret::parse(&text).ok().map(Arc::new);
        Self { text, verifier }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText")
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.text.as_bytes().ct_eq(other.text.as_bytes()).into()
    }
}

impl Eq for SecretText {}

impl SettingValue for SecretText {
    fn read(written: &Value<'_>) -> Option<Self> {
        const EXPECTED: &str = "a secret: text, { file = \"..\" } or { env = \"..\" }";
        let text = if written.is_table() {
            elsewhere(written, written.section(EXPECTED)?)?
        } else {
            Zeroizing::new(written.text(EXPECTED)?.into_owned())
        };
        let problem = if text.is_empty() {
            Some(Problem::SecretEmpty)
        } else if text.contains(['\n', '\r', '\0']) {
            Some(Problem::SecretNotOneLine)
        } else {
            None
        };
        match problem {
            Some(problem) => written.refuse(problem),
            None => Some(Self::from(text)),
        }
    }

    fn show(&self) -> Option<String> {
        None
    }
}

/// The secret in a file or in an environment variable.
fn elsewhere(written: &Value<'_>, mut table: Section<'_>) -> Option<Zeroizing<String>> {
    let file = table.value("file");
    let variable = table.value("env");
    table.finish();
    match (file, variable) {
        (Some(file), None) => {
            let path = std::path::PathBuf::read(&file)?;
            let contents = Zeroizing::new(file.file(&path)?);
            let text = std::str::from_utf8(&contents).ok();
            // An editor ends the line; that is not part of the secret.
            let line = text.map(|text| text.strip_suffix('\n').unwrap_or(text));
            let line = line.map(|line| line.strip_suffix('\r').unwrap_or(line));
            match line {
                Some(line) => Some(Zeroizing::new(line.to_owned())),
                None => file.refuse(Problem::SecretNotOneLine),
            }
        },
        (None, Some(variable)) => {
            let name = String::read(&variable)?;
            match variable.variable(&name) {
                Some(text) => Some(Zeroizing::new(text)),
                None => variable.refuse(Problem::VariableUnset { name }),
            }
        },
        _ => written.wrong_type("either { file = \"..\" } or { env = \"..\" }"),
    }
}

/// What proves a client's password: the password itself or a verifier of it.
pub(in crate::config) struct StoredSecret;

impl Bounds<SecretText> for StoredSecret {
    fn refuse(&self, value: &SecretText, _written: &Value<'_>) -> Option<Problem> {
        let text = value.reveal();
        if text.len() > SECRET_BYTES_MAX {
            return Some(Problem::SecretTooLong);
        }
        if !ScramSecret::is_scram_secret(text) {
            return None;
        }
        ScramSecret::parse(text).err().map(Problem::SecretVerifier)
    }
}

/// What Tidegate logs in to a server with.
pub(in crate::config) struct LoginSecret;

impl Bounds<SecretText> for LoginSecret {
    fn refuse(&self, value: &SecretText, written: &Value<'_>) -> Option<Problem> {
        let is_verifier = ScramSecret::is_scram_secret(value.reveal());
        let broken = StoredSecret.refuse(value, written);
        broken.or_else(|| is_verifier.then_some(Problem::SecretCannotLogIn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = SecretText::new("canary".to_owned());
        assert_eq!(format!("{secret:?}"), "SecretText");
        assert_eq!(secret.show(), None);
        assert_eq!(secret.console(), None);
        assert_eq!(secret.reveal(), "canary");
    }
}
