//! Which texts are names.

use crate::config::bounds::Bounds;
use crate::config::reading::problem::Problem;
use crate::config::reading::value::Value;
use crate::limits::TENANT_NAME_BYTES_MAX;

/// The longest name of a user or a database, in bytes: PgBouncer's `MAX_USERNAME`. Postgres itself
/// cuts at 63.
const NAME_BYTES_MAX: usize = 127;

/// A name of a user, a database, a listener or an endpoint: anything that can be shown.
pub(in crate::config) struct Name;

impl Bounds<String> for Name {
    fn refuse(&self, value: &String, written: &Value<'_>) -> Option<Problem> {
        let is_name = !value.is_empty()
            && value.len() <= NAME_BYTES_MAX
            && !value.chars().any(char::is_control);
        (!is_name).then(|| Problem::Malformed {
            value: written.quoted(),
            expected: "a name: 1 to 127 bytes without control characters",
        })
    }
}

/// A name of a function as it is called in SQL, with or without its schema; in the case that
/// `pg_proc` has it in.
pub(in crate::config) struct FunctionName;

impl Bounds<String> for FunctionName {
    fn refuse(&self, value: &String, written: &Value<'_>) -> Option<Problem> {
        let is_part = |part: &str| {
            !part.is_empty()
                && part.len() <= NAME_BYTES_MAX
                && !part
                    .chars()
                    .any(|each| each.is_control() || "\"() ".contains(each))
        };
        let is_name = value.split('.').count() <= 2 && value.split('.').all(is_part);
        (!is_name).then(|| Problem::Malformed {
            value: written.quoted(),
            expected: "a function's name, `name` or `schema.name`, without quotes and arguments",
        })
    }
}

/// A name of a tenant, which must be a label of a host name as well: SNI may carry it.
pub(in crate::config) struct TenantName;

impl Bounds<String> for TenantName {
    fn refuse(&self, value: &String, written: &Value<'_>) -> Option<Problem> {
        let is_inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let is_outer = |byte: Option<u8>| byte.is_some_and(|byte| is_inner(byte) && byte != b'-');
        let is_name = value.len() <= TENANT_NAME_BYTES_MAX
            && value.bytes().all(is_inner)
            && is_outer(value.bytes().next())
            && is_outer(value.bytes().next_back());
        (!is_name).then(|| Problem::Malformed {
            value: written.quoted(),
            expected: "a tenant's name: 1 to 63 lower-case letters, digits, `-` and `_`, no `-` at either end",
        })
    }
}

/// A domain: labels of letters, digits and `-`, with dots between.
pub(in crate::config) struct Domain;

impl Bounds<String> for Domain {
    fn refuse(&self, value: &String, written: &Value<'_>) -> Option<Problem> {
        (!is_domain(value)).then(|| Problem::Malformed {
            value: written.quoted(),
            expected: "a domain such as db.example.com, in lower case and without a dot at either end",
        })
    }
}

fn is_domain(text: &str) -> bool {
    const DOMAIN_BYTES_MAX: usize = 253;
    const LABEL_BYTES_MAX: usize = 63;
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= DOMAIN_BYTES_MAX && text.split('.').all(is_label)
}
