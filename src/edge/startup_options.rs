//! The settings in the startup parameter `options`.
//!
//! A server that is shared cannot be started with a client's switches; those that set a setting are
//! carried over like other settings, and any other is refused.

use tidegate_proto::sqlstate::SqlState;
use tidegate_proto::startup::Switch;
use tidegate_proto::startup::Switches;

use crate::edge::refusal;
use crate::restrictions::Report;

/// Reads the settings, in order.
///
/// # Errors
/// What the client is told: a switch that sets nothing, or one that is no text.
pub(super) fn settings(options: &[u8]) -> Result<Vec<(String, String)>, Report> {
    Switches::new(options)
        .map(|switch| match switch {
            Switch::Setting { name, value } => Ok((text(name)?, text(value)?)),
            Switch::Other(word) => Err(not_understood(&text(word)?)),
        })
        .collect()
}

fn text(word: Vec<u8>) -> Result<String, Report> {
    String::from_utf8(word).map_err(|_no_text| refusal::no_text("options"))
}

fn not_understood(word: &str) -> Report {
    Report {
        sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
        message: "a switch in the startup parameter \"options\" is not supported".to_owned(),
        detail: format!("It is \"{word}\"."),
        hint: "Write settings as -c name=value.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn settings_are_read_in_order() {
        assert_eq!(
            settings(br"-c geqo=off  --statement-timeout=5min -csearch_path=a,\ b").unwrap(),
            [
                pair("geqo", "off"),
                pair("statement_timeout", "5min"),
                pair("search_path", "a, b")
            ]
        );
        assert_eq!(settings(b" \t").unwrap(), []);
    }

    #[test]
    fn what_sets_nothing_is_refused_by_name() {
        for (options, word) in [("-e", "-e"), ("-c", "-c"), ("-c geqo", "-c"), ("x", "x")] {
            let report = settings(options.as_bytes()).unwrap_err();
            assert_eq!(report.sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
            assert_eq!(report.detail, format!("It is \"{word}\"."), "{options}");
        }
        let report = settings(b"-c x=\xff").unwrap_err();
        assert_eq!(report.sqlstate, SqlState::INVALID_PARAMETER_VALUE);
    }
}
