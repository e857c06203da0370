//! How a client is told that it is refused: one `ErrorResponse`, FATAL, and the end.
//!
//! The words never hold what the client may not know; the true reason is the error's, and goes to
//! the log. Where Postgres has words for it, they are Postgres' own.

use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::backend::tag;
use tidegate_proto::error::Violation;
use tidegate_proto::error::ViolationKind;
use tidegate_proto::sqlstate::SqlState;
use tidegate_proto::startup::ProtocolVersion;

use crate::restrictions::Report;

/// A refusal that needs no detail and no hint.
pub(super) fn brief(sqlstate: SqlState, message: impl Into<String>) -> Report {
    Report {
        sqlstate,
        message: message.into(),
        detail: String::new(),
        hint: String::new(),
    }
}

/// Appends the refusal. Empty parts are left out.
pub(super) fn encode(report: &Report, outgoing: &mut Vec<u8>) {
    let part = |text: &'_ str| !text.is_empty();
    ReportText {
        severity: Severity::Fatal,
        sqlstate: report.sqlstate,
        message: &report.message,
        detail: Some(report.detail.as_str()).filter(|text| part(text)),
        hint: Some(report.hint.as_str()).filter(|text| part(text)),
    }
    .encode_error(outgoing);
}

/// Appends the refusal as a client of protocol 1 or 2 expects it: a text and no fields.
pub(super) fn encode_for_version_2(report: &Report, outgoing: &mut Vec<u8>) {
    outgoing.push(tag::ERROR_RESPONSE);
    outgoing.extend_from_slice(b"FATAL:  ");
    outgoing.extend(report.message.bytes().filter(|byte| *byte != 0));
    outgoing.extend_from_slice(b"\n\0");
}

/// A startup message that lacks something.
pub(super) fn startup_layout(violation: &Violation) -> Report {
    let message = if violation.kind == ViolationKind::NoUser {
        "no PostgreSQL user name specified in startup packet"
    } else {
        "invalid startup packet layout: expected terminator as last byte"
    };
    brief(violation.sqlstate(), message)
}

/// A protocol that is not spoken.
pub(super) fn protocol(major: u16, minor: u16) -> Report {
    let (oldest, newest) = (ProtocolVersion::V3_0, ProtocolVersion::LATEST);
    brief(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!(
            "unsupported frontend protocol {major}.{minor}: server supports {oldest} to {newest}"
        ),
    )
}

/// A name or a value that is not UTF-8.
pub(super) fn no_text(name: &str) -> Report {
    Report {
        hint: "Names and values in the startup message are UTF-8.".to_owned(),
        ..brief(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid byte sequence in the startup packet: {name}"),
        )
    }
}

/// A value of `replication` that Postgres does not know either.
pub(super) fn no_replication_value(value: &[u8]) -> Report {
    let value = String::from_utf8_lossy(value);
    Report {
        hint: "Valid values are: \"false\", 0, \"true\", 1, \"database\".".to_owned(),
        ..brief(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"replication\": \"{value}\""),
        )
    }
}

/// The deadline passed while the client was asked who it is.
pub(super) fn timed_out() -> Report {
    Report {
        hint:
            "The setting client_login_timeout of the pooler counts from the moment of connecting."
                .to_owned(),
        ..brief(
            SqlState::QUERY_CANCELED,
            "canceling authentication due to timeout",
        )
    }
}

/// The tenant's database could not be asked for the user's secret.
pub(super) fn lookup_failed() -> Report {
    Report {
        detail: "The tenant's database did not answer.".to_owned(),
        hint: "Try again in a moment.".to_owned(),
        ..brief(
            SqlState::CONNECTION_FAILURE,
            "the secret of the user could not be looked up",
        )
    }
}

/// The tenant does not serve this database.
pub(super) fn no_database(database: &str) -> Report {
    brief(
        SqlState::INVALID_CATALOG_NAME,
        format!("database \"{database}\" does not exist"),
    )
}

/// A replication connection would need a server of its own.
pub(super) fn replication_needs_session_mode() -> Report {
    Report {
        sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
        message: "replication connections need pool_mode session".to_owned(),
        detail: "In this pool mode a server is given back after each transaction.".to_owned(),
        hint: "Connect to a listener, or as a user, whose pool_mode is session.".to_owned(),
    }
}
