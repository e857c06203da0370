//! `[log]`: what is written where.

use tracing_subscriber::EnvFilter;

use crate::config::bounds::Any;
use crate::config::bounds::Bounds;
use crate::config::choice::choices;
use crate::config::reading::problem::Problem;
use crate::config::reading::value::Value;
use crate::config::setting::settings;

choices! {
    /// How log lines look.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

settings! {
    /// What is written to standard error.
    pub struct Log in "[log]" {
        /// How lines look.
        format: LogFormat = LogFormat::Text, Any, "word", Restart;
        /// `error`, `warn`, `info`, `debug` or `trace`; also by module, as in `info,tidegate::pool=debug`.
        level: String = "info".to_owned(), Filter, "filter", Reload;
    }
}

/// A filter that the log understands to the last directive. A bare word must be a level: the log
/// itself would take a misspelt one for the name of a module.
struct Filter;

impl Bounds<String> for Filter {
    fn refuse(&self, value: &String, written: &Value<'_>) -> Option<Problem> {
        let is_level =
            |word: &str| matches!(word, "off" | "error" | "warn" | "info" | "debug" | "trace");
        let is_directive = |directive: &str| match directive.rsplit_once('=') {
            Some((module, level)) => !module.is_empty() && is_level(level),
            None => is_level(directive),
        };
        let is_filter =
            value.split(',').all(is_directive) && EnvFilter::builder().parse(value).is_ok();
        (!is_filter).then(|| Problem::Malformed {
            value: written.quoted(),
            expected: "a log filter: off, error, warn, info, debug, trace, or as in info,tidegate::pool=debug",
        })
    }
}
