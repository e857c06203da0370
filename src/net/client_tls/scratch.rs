//! The buffers that all TLS connections of a thread share.
//!
//! They are borrowed within one poll; nothing in them outlives it.

use std::cell::RefCell;

use crate::limits::TLS_INCOMING_BYTES;
use crate::limits::TLS_OUTGOING_BYTES;

/// Room for what is read and for what is written, before and after TLS.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Records as they come; decrypted in place.
    pub(super) incoming: Box<[u8]>,
    /// Records as they go.
    pub(super) outgoing: Box<[u8]>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        incoming: vec![0; TLS_INCOMING_BYTES].into(),
        outgoing: vec![0; TLS_OUTGOING_BYTES].into(),
    });
}

/// Lends this thread's buffers to `work`, which must not ask for them again.
pub(super) fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(work)
}
