//! Reload: the whole new configuration, or the old one stays.

use std::error::Error as _;
use std::sync::Arc;

use crate::admin::ReloadOutcome;
use crate::admin::ReloadRefused;
use crate::admin::Reloaded;
use crate::config;
use crate::edge::Terms;
use crate::edge::TlsError;
use crate::session::Letter;
use crate::worker::node::NodeState;

/// Loads the configuration again, for SIGHUP and for `RELOAD`. What it changes is logged.
///
/// # Errors
/// [`ReloadRefused`]: a mistake leaves everything as it was.
pub(super) async fn reload(node: &Arc<NodeState>) -> ReloadOutcome {
    match load(node) {
        Ok(changes) => {
            for change in &changes.applied {
                tracing::info!(%change, "reloaded");
            }
            for change in &changes.needs_restart {
                tracing::warn!(%change, "needs a restart; the running value stays");
            }
            for worker in 0..node.mailboxes.workers() {
                node.mailboxes.send(worker, Letter::Reloaded).await;
            }
            tracing::info!(changes = changes.applied.len(), "configuration reloaded");
            Ok(Reloaded {
                applied: changes.applied,
                needs_restart: changes.needs_restart,
            })
        },
        Err(refused) => {
            for mistake in &refused.mistakes {
                tracing::error!(%mistake, "reload refused: the running configuration stays");
            }
            Err(refused)
        },
    }
}

fn load(node: &NodeState) -> Result<config::Changes, ReloadRefused> {
    let loaded = config::load(&node.config_path).map_err(|refused| ReloadRefused {
        mistakes: texts(&refused.report.mistakes),
    })?;
    let running = node.config.load_full();
    let (next, changes) = config::reload(&running, loaded.config);
    let mut terms = Vec::new();
    for runtime in &node.listeners {
        let name = &runtime.terms().listener.name;
        let listener = next
            .listeners
            .iter()
            .find(|listener| listener.name == *name);
        let Some(listener) = listener else { continue };
        let loaded = Terms::load(Arc::clone(listener));
        terms.push((runtime, loaded.map_err(|error| unusable(name, &error))?));
    }
    // From here on nothing can fail.
    for (runtime, terms) in terms {
        runtime.install(terms);
    }
    if let Some(log) = &node.log
        && let Err(error) = log.set_level(&next.log.level)
    {
        tracing::warn!(%error, "the log's level stays");
    }
    node.gate.reload(&next);
    node.names.reload(&next.node);
    node.config.store(Arc::new(next));
    Ok(changes)
}

/// The certificates of a listener cannot be used: the operator's mistake as much as a word in the
/// file.
fn unusable(listener: &str, error: &TlsError) -> ReloadRefused {
    let mut mistake = format!("listener {listener}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        mistake = format!("{mistake}: {cause}");
        source = cause.source();
    }
    ReloadRefused {
        mistakes: vec![mistake],
    }
}

fn texts(findings: &[config::Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}
