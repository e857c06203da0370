//! `[log]`: what is written where.

use crate::config::choice::choices;
use crate::config::setting::Any;
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
        /// How lines look: `text` or `json`.
        format: LogFormat = LogFormat::Text, Any, "word", Restart;
        /// `error`, `warn`, `info`, `debug` or `trace`; also by module, as in `info,tidegate::pool=debug`.
        level: String = "info".to_owned(), Any, "filter", Reload;
    }
}
