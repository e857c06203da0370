//! What may be the name of a tenant.

use crate::limits::TENANT_NAME_BYTES_MAX;

/// Whether a text has the form of a tenant's name: 1 to [`TENANT_NAME_BYTES_MAX`] of `a-z`, `0-9`,
/// `-` and `_`.
///
/// ASCII only, so that no two names look alike and each fits one DNS label; without a dot, so that
/// the last dot of `user.tenant` is where the name begins.
pub fn is_tenant_name(text: &str) -> bool {
    (1..=TENANT_NAME_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_lower_case_ascii() {
        for name in ["a", "acme", "acme-eu_2", "0", "-", &"x".repeat(63)] {
            assert!(is_tenant_name(name), "{name}");
        }
        for text in [
            "",
            "Acme",
            "a.b",
            "a b",
            "acme\0",
            "ac\u{430}me",
            "a/b",
            &"x".repeat(64),
        ] {
            assert!(!is_tenant_name(text), "{text}");
        }
    }
}
