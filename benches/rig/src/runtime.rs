//! The runtime of every program here: one thread, nothing sent between threads, as in Tidegate's
//! workers.

use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::runtime::LocalRuntime;

use crate::error::RigError;

/// A runtime for the calling thread.
///
/// # Errors
/// If the system has no descriptor for it.
pub(crate) fn local() -> Result<LocalRuntime, RigError> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(RigError::io("make a runtime"))
}
