//! The start of logging: text or JSON, to standard error, with a filter that reload may change.
//!
//! It decides only the form. What is logged is decided where it happens, and text from outside goes
//! through [`Untrusted`](crate::telemetry::Untrusted).

use std::io;
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not be started or changed: the operator's configuration, always.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is neither a level nor a list of `target=level`.
    #[error("the log level cannot be read")]
    Level(#[source] ParseError),
    /// Another subscriber was installed before.
    #[error("logging has been started already")]
    Started,
    /// Logging is gone, because the process ends.
    #[error("logging has ended")]
    Ended,
}

/// The running log, to change its level.
#[derive(Debug, Clone)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl LogHandle {
    /// Starts logging for the whole process. `level` is `info`, or a list such as
    /// `info,tidegate::pool=debug`.
    ///
    /// # Errors
    /// [`LogError::Level`] when the level cannot be read, [`LogError::Started`] at a second call.
    pub fn start(format: LogFormat, level: &str) -> Result<Self, LogError> {
        let colours = io::stderr().is_terminal();
        let (handle, subscriber) = subscriber(format, level, colours, io::stderr)?;
        subscriber
            .try_init()
            .map_err(|_started| LogError::Started)?;
        Ok(handle)
    }

    /// Takes another level from now on.
    ///
    /// # Errors
    /// [`LogError::Level`] when the level cannot be read; the old one stays.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        let filter = parse(level)?;
        self.filter.reload(filter).map_err(|_gone| LogError::Ended)
    }
}

/// Checks a level without taking it, for the configuration's check.
///
/// # Errors
/// [`LogError::Level`] when the level cannot be read.
pub fn check_level(level: &str) -> Result<(), LogError> {
    parse(level).map(drop)
}

fn parse(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder().parse(level).map_err(LogError::Level)
}

fn subscriber<W>(
    format: LogFormat,
    level: &str,
    colours: bool,
    writer: W,
) -> Result<(LogHandle, impl tracing::Subscriber + Send + Sync + use<W>), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(level)?);
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    Ok((LogHandle { filter: handle }, subscriber))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn written(format: LogFormat, level: &str, act: impl FnOnce(&LogHandle)) -> String {
        let page = Page::default();
        let writer = page.clone();
        let (handle, subscriber) =
            subscriber(format, level, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || act(&handle));
        page.text()
    }

    #[test]
    fn a_text_line_names_level_and_fields() {
        let text = written(LogFormat::Text, "info", |_| {
            tracing::info!(tenant = "acme", "client closed");
        });
        assert!(
            text.contains("INFO") && text.contains("tenant=\"acme\""),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_json_line_is_one_object_with_flat_fields() {
        let text = written(LogFormat::Json, "info", |_| {
            tracing::info!(tenant = "acme", "client closed");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["tenant"], "acme");
        assert_eq!(line["message"], "client closed");
    }

    #[test]
    fn a_reload_changes_the_level_of_the_running_log() {
        let text = written(LogFormat::Text, "warn", |handle| {
            tracing::info!("before");
            handle.set_level("info").unwrap();
            tracing::info!("after");
            assert!(handle.set_level("tidegate=loud").is_err());
            tracing::info!("still");
        });
        assert!(!text.contains("before"), "{text}");
        assert!(text.contains("after") && text.contains("still"), "{text}");
    }

    #[test]
    fn a_level_that_cannot_be_read_is_refused() {
        assert!(check_level("info,tidegate::pool=debug").is_ok());
        assert!(check_level("tidegate=loud").is_err());
    }

    #[test]
    fn untrusted_text_stays_on_its_line() {
        let text = written(LogFormat::Text, "info", |_| {
            let user = crate::telemetry::Untrusted::new("eve\nINFO forged \x1b[2J");
            tracing::info!(%user, "login failed");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\x1b'));
    }
}
