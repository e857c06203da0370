//! The ledger against a little PostgreSQL: any sequence of messages, replies and cancels is booked as
//! the server holds it; the rules are those of [`Exchange`].

use tidegate_model::Exchange;
use tidegate_model::Op;

/// Checks `data` as a server of one kind (the first byte) and what happens to it (two bytes each).
///
/// # Panics
/// If the ledger and the server disagree.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let ops: Vec<Op> = rest
        .as_chunks()
        .0
        .iter()
        .map(|bytes| Op::from_bytes(*bytes))
        .collect();
    Exchange::new(kind % 2 == 1).run(&ops);
}
