//! Notices and warnings that a server raises while it starts a session: kept as it said them, for the
//! clients that it serves, because Postgres would have said them to each of them at its login.

use tidegate_proto::backend::NoticeResponse;

use crate::limits::LOGIN_NOTICES_BYTES_MAX;

/// What a server raised at its login, as whole messages.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Notices {
    /// Before it gave its key: while the database was opened.
    opening: Vec<u8>,
    /// After that: by triggers on `login`, which heed `client_min_messages`.
    closing: Vec<Notice>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Notice {
    level: Option<usize>,
    message: Vec<u8>,
}

impl Notices {
    /// Keeps one: the body of a `NoticeResponse`. What is too much is dropped.
    pub(super) fn keep(&mut self, body: &[u8], has_key: bool) {
        let Ok(notice) = NoticeResponse::decode(body) else {
            return;
        };
        let mut message = Vec::new();
        let kept: usize = self.closing.iter().map(|notice| notice.message.len()).sum();
        let is_written = notice.encode(&mut message).is_ok();
        if !is_written || self.opening.len() + kept + message.len() > LOGIN_NOTICES_BYTES_MAX {
            return;
        }
        if has_key {
            let level = notice.report.severity().and_then(level);
            self.closing.push(Notice { level, message });
        } else {
            self.opening.extend_from_slice(&message);
        }
    }

    /// What comes before the parameters.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Appends what comes behind the key to `out`, for a client with this `client_min_messages`.
    pub fn closing(&self, least: Option<&str>, out: &mut Vec<u8>) {
        let least = least.and_then(|least| level(least.as_bytes()));
        for notice in &self.closing {
            // What has no rank, such as INFO, is told to everybody.
            if notice.level.is_none() || notice.level >= least {
                out.extend_from_slice(&notice.message);
            }
        }
    }
}

/// The severities that `client_min_messages` can name, from the least. There are several of the first,
/// which messages do not tell apart.
const LEVELS: [&str; 5] = ["debug", "log", "notice", "warning", "error"];

fn level(severity: &[u8]) -> Option<usize> {
    let severity = severity.to_ascii_lowercase();
    let is_named = |level: &&str| severity.starts_with(level.as_bytes());
    LEVELS.iter().position(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_proto::backend::ReportText;
    use tidegate_proto::backend::Severity;
    use tidegate_proto::sqlstate::SqlState;

    fn notice(severity: Severity, text: &str) -> Vec<u8> {
        let mut message = Vec::new();
        ReportText::new(severity, SqlState::INTERNAL_ERROR, text).encode_notice(&mut message);
        message
    }

    fn heard(notices: &Notices, least: Option<&str>) -> Vec<u8> {
        let mut out = Vec::new();
        notices.closing(least, &mut out);
        out
    }

    #[test]
    fn a_client_hears_what_is_not_below_its_client_min_messages() {
        let (low, high) = (
            notice(Severity::Notice, "low"),
            notice(Severity::Warning, "high"),
        );
        let mut notices = Notices::default();
        notices.keep(&low[5..], false);
        notices.keep(&low[5..], true);
        notices.keep(&high[5..], true);
        assert_eq!(notices.opening(), low);
        let both = [low, high.clone()].concat();
        for least in [
            None,
            Some("notice"),
            Some("LOG"),
            Some("debug1"),
            Some("debug"),
        ] {
            assert_eq!(heard(&notices, least), both, "{least:?}");
        }
        assert_eq!(heard(&notices, Some("warning")), high);
        assert!(heard(&notices, Some("error")).is_empty());
    }

    #[test]
    fn a_server_that_raises_without_end_is_not_kept_whole() {
        let long = notice(Severity::Notice, &"x".repeat(1000));
        let mut notices = Notices::default();
        for number in 0..100 {
            notices.keep(&long[5..], number % 2 == 0);
        }
        let kept = notices.opening().len() + heard(&notices, None).len();
        assert!((LOGIN_NOTICES_BYTES_MAX / 2..=LOGIN_NOTICES_BYTES_MAX).contains(&kept));
    }
}
