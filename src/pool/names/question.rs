//! The question which addresses a name has, on its way to whoever knows.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::pool::names::Names;
use crate::telemetry::TenantSlot;

/// The question which addresses a name has. One that is dropped counts as not answered.
#[derive(Debug)]
#[must_use = "who asked waits for the answer"]
pub struct Question {
    names: Arc<Names>,
    name: Box<str>,
    asker: TenantSlot,
    is_answered: bool,
}

impl Question {
    pub(super) fn new(names: &Arc<Names>, name: &str, asker: TenantSlot) -> Self {
        Self {
            names: Arc::clone(names),
            name: name.into(),
            asker,
            is_answered: false,
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The answer, whose ports mean nothing.
    pub fn answer(mut self, found: io::Result<Vec<SocketAddr>>) {
        self.is_answered = true;
        self.names.settle(&self.name, self.asker, found);
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if !self.is_answered {
            let nobody = io::Error::other("nobody could look it up");
            self.names.settle(&self.name, self.asker, Err(nobody));
        }
    }
}
