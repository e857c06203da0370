//! Whether a client hears what a server says: of a replica, not everything is for it.

use tidegate_proto::backend::tag as backend;
use tidegate_proto::frame::FrameHeader;

use crate::pool::Server;
use crate::session::reads::Judged;
use crate::session::relay::Observer;

/// What becomes of a replica's words.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weighed {
    /// They go to whom they belong.
    Told,
    /// More must be there to tell.
    TooEarly,
    /// Nothing that it says from here on is for anybody.
    Over,
}

/// Whether the client may hear a message, of which this much is there.
#[inline]
pub(super) fn weigh(
    server: &mut Server,
    header: FrameHeader,
    bytes: &[u8],
    observer: &mut impl Observer,
) -> Weighed {
    if server.incoming.is_on_trial && is_heard(server, header) {
        return match observer.judge(server, bytes) {
            Judged::Reply | Judged::Begins => Weighed::Told,
            Judged::TooEarly => Weighed::TooEarly,
            Judged::Refusal(_) => Weighed::Over,
        };
    }
    if header.tag() == backend::ERROR_RESPONSE && observer.is_past_answer(server) {
        // Why a replica ends is nothing to a client that wants nothing of it any more.
        server.is_broken = true;
        return Weighed::Over;
    }
    Weighed::Told
}

/// Whether a message would go to the client. An error among what the pooler prepares for it does, and a
/// notice.
fn is_heard(server: &Server, header: FrameHeader) -> bool {
    match header.tag() {
        backend::ERROR_RESPONSE | backend::NOTICE_RESPONSE => server.ledger.is_heard_aside(),
        _ => !server.ledger.is_swallowing(),
    }
}
