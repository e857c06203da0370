//! Cancel requests of clients, from the edge of any worker to the worker that the session lives on.

use std::sync::Arc;

use crate::edge::CancelSink;
use crate::edge::SessionKey;
use crate::session::CancelKey;
use crate::session::CancelKeys;
use crate::session::Letter;
use crate::session::Mailboxes;
use crate::session::Requester;
use crate::tenancy::Tenant;

/// Finds the session of a key, and tells its worker.
#[derive(Debug)]
pub(super) struct Cancels {
    pub(super) keys: Arc<CancelKeys>,
    pub(super) mailboxes: Mailboxes,
}

impl CancelSink for Cancels {
    fn tenant_of(&self, key: &SessionKey) -> Option<Arc<Tenant>> {
        self.keys.target(&wire(key)).map(|target| target.tenant)
    }

    fn cancel(&self, key: &SessionKey, connection: Box<dyn Send>) {
        if let Some(target) = self.keys.target(&wire(key)) {
            // A worker whose mailbox is full has more to do than to cancel; the client may ask
            // again, as with any cancel request that comes too late.
            let letter = Letter::Cancel(target.client, Requester(connection));
            self.mailboxes.try_send(target.worker, letter);
        }
    }
}

fn wire(key: &SessionKey) -> CancelKey {
    CancelKey::new(key.process_id, &key.secret)
}
