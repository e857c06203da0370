//! Times of day as the console writes them: `2026-08-30 17:12:05 UTC`. PgBouncer writes local time;
//! the time zone of a node says nothing to who reads it from elsewhere.

use std::time::SystemTime;

pub(super) fn time_of_day(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_of_day_names_its_zone() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_787_000_000);
        assert_eq!(time_of_day(time), "2026-08-17 20:53:20 UTC");
    }
}
