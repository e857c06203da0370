//! Reload: the whole new configuration, or the old one stays.

use std::sync::Arc;

use crate::config;
use crate::edge::Terms;
use crate::session::Letter;
use crate::worker::node::NodeState;

/// Loads the configuration again. What it changes is logged; a mistake leaves everything as it was.
pub(super) async fn reload(node: &Arc<NodeState>) {
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
        },
        Err(error) => tracing::error!(%error, "reload refused: the running configuration stays"),
    }
}

fn load(node: &NodeState) -> Result<config::Changes, String> {
    let loaded = config::load(&node.config_path).map_err(|refused| refused.to_string())?;
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
        terms.push((
            runtime,
            loaded.map_err(|error| format!("listener {name}: {error}"))?,
        ));
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
    node.config.store(Arc::new(next));
    Ok(changes)
}
