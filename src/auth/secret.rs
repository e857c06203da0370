//! What is stored of a user: a password, or what was made of one.
//!
//! A text that claims to be a verifier and is broken is refused, never taken for a password: it
//! would let in whoever reads the configuration.

use std::fmt;

use tidegate_proto::fault::Fault;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::scram::ScramError;
use tidegate_proto::scram::ScramSecret;
use zeroize::Zeroizing;

use crate::config::SecretText;
use crate::limits::SECRET_BYTES_MAX;

/// A password in the clear, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<Box<[u8]>>);

impl Password {
    /// A password. PostgreSQL takes any bytes but zero, so it need not be UTF-8.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(Box::from(bytes)))
    }

    /// The password itself; the caller must not print or keep it.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// What is stored of a user, in one of the forms that PgBouncer and PostgreSQL use.
#[derive(Debug, Clone)]
pub enum Secret {
    /// The password itself.
    Password(Password),
    /// `md5<32 hexadecimal digits>`.
    Md5(Md5Secret),
    /// `SCRAM-SHA-256$…`.
    Scram(ScramSecret),
}

impl Secret {
    /// Reads the text of a configuration, a userlist or `rolpassword`.
    ///
    /// # Errors
    /// The pooler's fault, as is every configuration: [`SecretError`]. None repeats the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        if ScramSecret::is_scram_secret(text) {
            return Ok(Self::Scram(ScramSecret::parse(text)?));
        }
        if let Some(secret) = Md5Secret::parse(text) {
            return Ok(Self::Md5(secret));
        }
        match text.len() {
            0 => Err(SecretError::Empty),
            length if length > SECRET_BYTES_MAX => Err(SecretError::TooLong),
            _ if text.contains('\0') => Err(SecretError::ZeroByte),
            _ => Ok(Self::Password(Password::new(text.as_bytes()))),
        }
    }

    /// The same of the text of a configuration, which has read it before if it is a verifier.
    ///
    /// # Errors
    /// As [`Secret::parse`].
    pub fn of(text: &SecretText) -> Result<Self, SecretError> {
        match text.verifier() {
            Some(verifier) => Ok(Self::Scram(verifier.clone())),
            None => Self::parse(text.reveal()),
        }
    }

    /// Which of the forms it has.
    pub fn kind(&self) -> SecretKind {
        match self {
            Self::Password(_) => SecretKind::Password,
            Self::Md5(_) => SecretKind::Md5,
            Self::Scram(_) => SecretKind::Scram,
        }
    }
}

/// The form of a [`Secret`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// The password itself.
    Password,
    /// An md5 digest.
    Md5,
    /// A SCRAM verifier.
    Scram,
}

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is nothing in it. PostgreSQL accepts no empty password either.
    #[error("the secret is empty")]
    Empty,
    /// It is longer than [`SECRET_BYTES_MAX`].
    #[error("the secret is longer than {SECRET_BYTES_MAX} bytes")]
    TooLong,
    /// It contains a zero byte, which no message can carry.
    #[error("the secret contains a zero byte")]
    ZeroByte,
    /// It claims to be a SCRAM verifier and is broken.
    #[error("the SCRAM secret cannot be read")]
    Scram(#[from] ScramError),
}

impl SecretError {
    /// Who caused it: the configuration, or the database that was asked.
    pub fn fault(&self) -> Fault {
        Fault::Pooler
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAM: &str = "SCRAM-SHA-256$4096:BOVUpuU7M2fmWkqOzVF/3w==$tUO6SwGomtbtNzT4AjM/P4lSQOAZY7DgZq1a2kl8hWk=:ziyWnS2qABCIKTygELE3ya68CLL1cfPgTJYV8n32diQ=";
    const MD5: &str = "md57474753e4b2f9e23953d5977773aabb0";

    #[test]
    fn each_form_is_recognized() {
        for (text, kind) in [
            ("pencil", SecretKind::Password),
            ("md5", SecretKind::Password),
            ("MD57474753e4b2f9e23953d5977773aabb0", SecretKind::Password),
            ("SCRAM-SHA-1$", SecretKind::Password),
            (MD5, SecretKind::Md5),
            (SCRAM, SecretKind::Scram),
        ] {
            assert_eq!(Secret::parse(text).unwrap().kind(), kind, "{text}");
        }
    }

    #[test]
    fn the_text_of_a_configuration_is_read_as_any_other() {
        for text in ["pencil", MD5, SCRAM] {
            let kind = Secret::parse(text).unwrap().kind();
            let text = SecretText::new(text.to_owned());
            assert_eq!(text.verifier().is_some(), kind == SecretKind::Scram);
            assert_eq!(Secret::of(&text).unwrap().kind(), kind);
        }
        let broken = SecretText::new(SCRAM.replace("4096", "0"));
        assert!(matches!(Secret::of(&broken), Err(SecretError::Scram(_))));
    }

    #[test]
    fn a_broken_verifier_is_not_a_password() {
        for text in [
            "SCRAM-SHA-256$",
            SCRAM.trim_end_matches('='),
            &SCRAM.replace("4096", "0"),
        ] {
            assert!(
                matches!(Secret::parse(text), Err(SecretError::Scram(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unusable_password_is_refused() {
        assert!(matches!(Secret::parse(""), Err(SecretError::Empty)));
        assert!(matches!(Secret::parse("a\0b"), Err(SecretError::ZeroByte)));
        let longest = "x".repeat(SECRET_BYTES_MAX);
        assert!(Secret::parse(&longest).is_ok());
        assert!(matches!(
            Secret::parse(&format!("{longest}x")),
            Err(SecretError::TooLong)
        ));
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let shown = format!(
            "{:?}",
            ["canary", MD5, SCRAM].map(|text| Secret::parse(text).unwrap())
        );
        for secret in ["canary", "7474753e", "BOVUpuU7", "tUO6SwGo", "ziyWnS2q"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
