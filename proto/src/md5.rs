//! `md5` authentication, both sides: the secret is `md5(password user)`, the answer to a challenge
//! is `md5(secret salt)`.
//!
//! Kept for servers and clients that know nothing better: the stored form is as good as the
//! password. It never shows in `Debug`, and comparing takes the same time wherever it differs.
//!
//! See <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use std::fmt;

use md5::Digest as _;
use md5::Md5;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;
use zeroize::ZeroizeOnDrop;
use zeroize::Zeroizing;

/// The random bytes of `AuthenticationMD5Password`.
pub type Md5Salt = [u8; 4];

/// The length of a digest in hexadecimal.
const HEX_BYTES: usize = 32;

/// The length of a stored secret and of an answer: `md5` and the digest in hexadecimal.
pub const MD5_TEXT_BYTES: usize = 3 + HEX_BYTES;

const PREFIX: &[u8; 3] = b"md5";

/// What a server stores of a password: `md5<32 hexadecimal digits>`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Md5Secret {
    /// Lower-case digits. They, not the bytes they stand for, are what is hashed again.
    hex: [u8; HEX_BYTES],
}

impl Md5Secret {
    /// Reads the stored form. `None` if it is another one: as in `PostgreSQL`, capitals or another
    /// length make it a password that happens to begin with `md5`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes().strip_prefix(PREFIX)?;
        let hex: [u8; HEX_BYTES] = digits.try_into().ok()?;
        hex.iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
            .then_some(Self { hex })
    }

    /// What is stored for this password of this user.
    pub fn from_password(password: &[u8], user: &[u8]) -> Self {
        Self {
            hex: hexadecimal(Md5::new().chain_update(password).chain_update(user)),
        }
    }

    /// The stored form.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(text(&self.hex).iter().copied().map(char::from).collect())
    }

    /// The answer to a challenge, to be sent in `PasswordMessage` with a zero byte behind.
    pub fn answer(&self, salt: Md5Salt) -> Zeroizing<[u8; MD5_TEXT_BYTES]> {
        Zeroizing::new(text(&hexadecimal(
            Md5::new().chain_update(self.hex).chain_update(salt),
        )))
    }

    /// Whether `answer` is the right one, without the zero byte.
    pub fn is_answered_by(&self, answer: &[u8], salt: Md5Salt) -> bool {
        self.answer(salt).ct_eq(answer).into()
    }

    /// Whether this is the secret of `password`, for passwords that come in the clear.
    pub fn is_of(&self, password: &[u8], user: &[u8]) -> bool {
        self.hex
            .ct_eq(&Self::from_password(password, user).hex)
            .into()
    }
}

impl fmt::Debug for Md5Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Md5Secret(…)")
    }
}

fn hexadecimal(hash: Md5) -> [u8; HEX_BYTES] {
    let digit = |nibble: u8| match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    };
    let mut digest: [u8; HEX_BYTES / 2] = hash.finalize().into();
    let mut hex = [0; HEX_BYTES];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
    digest.zeroize();
    hex
}

fn text(hex: &[u8; HEX_BYTES]) -> [u8; MD5_TEXT_BYTES] {
    let mut text = [0; MD5_TEXT_BYTES];
    for (byte, source) in text.iter_mut().zip(PREFIX.iter().chain(hex)) {
        *byte = *source;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = "md53c6d9c3d6d7d6a4e3a4b0c5c3b7f9d1e";

    #[test]
    fn the_stored_form_is_read_and_written() {
        assert_eq!(*Md5Secret::parse(STORED).unwrap().to_text(), STORED);
        for text in [
            "",
            "md5",
            STORED.trim_end_matches('e'),
            &format!("{STORED}0"),
            &STORED.to_uppercase(),
        ] {
            assert!(Md5Secret::parse(text).is_none(), "{text}");
        }
        for digit in ["A", "g", "/", ":", " "] {
            assert!(Md5Secret::parse(&STORED.replace('9', digit)).is_none());
        }
    }

    #[test]
    fn the_answer_agrees_with_postgres_protocol() {
        for (user, password) in [
            ("md5_user", &b"password"[..]),
            ("", b""),
            ("ä", b"\xff\x00"),
        ] {
            for salt in [[0x2a, 0x3d, 0x8f, 0xe0], [0; 4], [0xff; 4]] {
                let secret = Md5Secret::from_password(password, user.as_bytes());
                let expected =
                    postgres_protocol::authentication::md5_hash(user.as_bytes(), password, salt);
                assert_eq!(secret.answer(salt).as_slice(), expected.as_bytes());
                assert!(secret.is_answered_by(expected.as_bytes(), salt));
            }
        }
    }

    #[test]
    fn an_answer_with_any_byte_changed_is_wrong() {
        let secret = Md5Secret::from_password(b"pencil", b"alice");
        let salt = [1, 2, 3, 4];
        let answer = secret.answer(salt);
        for index in 0..answer.len() {
            let mut tampered = answer.to_vec();
            tampered[index] ^= 1;
            assert!(!secret.is_answered_by(&tampered, salt));
            assert!(!secret.is_answered_by(&answer[..index], salt));
        }
        assert!(!secret.is_answered_by(answer.as_slice(), [1, 2, 3, 5]));
        assert!(secret.is_answered_by(answer.as_slice(), salt));
    }

    #[test]
    fn a_password_in_the_clear_is_checked_for_its_user() {
        let secret = Md5Secret::from_password(b"pencil", b"alice");
        assert!(secret.is_of(b"pencil", b"alice"));
        assert!(!secret.is_of(b"pencil", b"bob"));
        assert!(!secret.is_of(b"pencils", b"alice"));
    }

    #[test]
    fn the_secret_does_not_show_in_debug() {
        assert_eq!(
            format!("{:?}", Md5Secret::parse(STORED).unwrap()),
            "Md5Secret(…)"
        );
    }
}
