//! Durations.

use std::time::Duration;

use crate::config::reading::value::SettingValue;
use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;
use crate::config::tests::config;
use crate::config::tests::mistakes;

fn pool(value: &str) -> String {
    format!("[pool]\nserver_lifetime = {value}\n{LISTENER}{TENANT}")
}

#[test]
fn durations_have_a_unit_or_are_plain_seconds() {
    for (written, milliseconds) in [
        ("\"500ms\"", 500),
        ("\"5s\"", 5000),
        ("\"1h 30m\"", 5_400_000),
        ("\"1d\"", 86_400_000),
        ("\"0s\"", 0),
        ("90", 90_000),
        ("0", 0),
        ("0.25", 250),
    ] {
        let lifetime = config(&pool(written)).defaults.user.pool.server_lifetime;
        assert_eq!(lifetime, Duration::from_millis(milliseconds), "{written}");
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for written in [
        "\"5\"",
        "\"\"",
        "\"s\"",
        "\"-5s\"",
        "\"5 bananas\"",
        "-5",
        "-0.5",
        "nan",
        "inf",
        "0x10",
        "true",
        "\"999999999999999999999s\"",
        "99999999999999999999999999",
        "1e300",
    ] {
        let found = mistakes(&pool(written));
        assert_eq!(found.len(), 1, "{written}: {found:#?}");
        assert!(
            found[0].starts_with("2:19: pool.server_lifetime: "),
            "{found:#?}"
        );
    }
}

#[test]
fn durations_out_of_range_are_told_with_the_range() {
    assert_eq!(
        mistakes(&pool("\"366d\"")),
        ["2:19: pool.server_lifetime: 366d is out of range (0s to 365d)"]
    );
}

#[test]
fn a_variable_may_hold_a_duration_in_either_form() {
    for (value, seconds) in [("90", 90), ("2m", 120)] {
        let sample = Sample::default().with_variable("LIFETIME", value);
        let config = sample.config(&pool("\"${LIFETIME}\""));
        assert_eq!(
            config.defaults.user.pool.server_lifetime,
            Duration::from_secs(seconds)
        );
    }
}

#[test]
fn a_duration_is_shown_so_that_it_reads_back() {
    for (milliseconds, shown, console) in [
        (0, "\"0s\"", "0"),
        (1, "\"1ms\"", "0.001"),
        (1500, "\"1500ms\"", "1.5"),
        (90_000, "\"90s\"", "90"),
        (120_000, "\"2m\"", "120"),
        (3_600_000, "\"1h\"", "3600"),
        (86_400_000 * 365, "\"365d\"", "31536000"),
    ] {
        let duration = Duration::from_millis(milliseconds);
        assert_eq!(duration.show().as_deref(), Some(shown));
        assert_eq!(duration.console().as_deref(), Some(console));
        if milliseconds > 0 {
            assert_eq!(
                config(&pool(shown)).defaults.user.pool.server_lifetime,
                duration
            );
        }
    }
}
